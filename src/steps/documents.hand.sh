# documents_of FOLDER DOCUMENTS: of each that is there (`NAME PATH` a line) `NAME BASE64` a line.
documents_of() {
  while IFS=' ' read -r doc_name doc_path; do
    [ -f "$1/$doc_path" ] || continue
    [ "$(stat -L -c %s "$1/$doc_path")" -le "$largest_text" ] ||
      { echo "$1/$doc_path is larger than $largest_text bytes, and not a document that can be kept"; return 1; }
    printf '%s ' "$doc_name" && head -c "$largest_text" -- "$1/$doc_path" | base64 -w0 && echo || return 1
  done <<EOT
$2
EOT
}

# stage FOLDER: emptied and made again, with the files that come in, `BASE64|PATH` a line. Status 3: what a run before has made there is
# complete.
stage() {
  [ ! -e "$1/.complete" ] || return 3
  gone "$1" && mkdir -m 700 "$1" && cd "$1" || return 1
  while IFS='|' read -r staged staged_path; do
    case $staged_path in */*) mkdir -p "./${staged_path%/*}" || return 1 ;; esac
    printf '%s' "$staged" | base64 -d >"./$staged_path" || return 1
  done
}
# last_words FOLDER: what the program has said there.
last_words() {
  for said in "$1/.loomctl-out" "$1/.loomctl-err"; do [ ! -f "$said" ] || tail -c 2000 "$said"; done
}
# complete FOLDER: whole on the disk, and then said to be.
complete() {
  rm -f "$1/.loomctl-out" "$1/.loomctl-err"
  find "$1" -type f -exec sync {} + && : >"$1/.complete" && sync "$1/.complete" "$1"
}

# init_finish FOLDER DOCUMENTS MAKES PRINTS PRINTS_OF DROPS: what init has printed is kept with the checksum of its key in
# front, where the profile wants that; what it has made for nobody goes; what it must make is there. Says its documents.
init_finish() {
  cd "$1" || return 1
  if [ -n "$4" ]; then
    { sum_of "$5" && head -c 65536 .loomctl-out; } >"$4" && chmod 600 "$4" || return 1
  fi
  while IFS= read -r dropped; do
    [ -z "$dropped" ] || rm -rf -- "./$dropped" || return 1
  done <<EOT
$6
EOT
  while IFS= read -r made; do
    [ -s "./$made" ] || [ -d "./$made" ] || { echo "init has not made $made"; return 1; }
  done <<EOT
$3
EOT
  complete "$1" && documents_of "$1" "$2"
}
# without_restored FOLDER HOME KEYS DOCUMENTS: the keys that were restored stay, and what this init has made for others goes.
without_restored() {
  while IFS= read -r restored; do
    [ -s "$2/$restored" ] || { echo "$2/$restored was restored, and is gone"; return 1; }
    rm -f "$1/$restored" || return 1
  done <<EOT
$3
EOT
  while IFS=' ' read -r _ doc_path; do rm -f "$1/$doc_path" || return 1; done <<EOT
$4
EOT
}
# init_place FROM TO: everything is renamed, a folder that is not there as a whole; what a run before moved already is gone
# from FROM.
init_place() {
  placing=$1
  place_all "$1" "$2" && sync "$2"
}
place_all() {
  for placed in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$placed" ] || [ -L "$placed" ] || continue
    [ "$placed" != "$placing/.complete" ] || continue
    place=$2/${placed##*/}
    if [ -d "$placed" ] && [ ! -L "$placed" ] && [ -d "$place" ]; then
      place_all "$placed" "$place" || return 1
    elif [ -e "$place" ] || [ -L "$place" ]; then
      echo "$place is there already"
      return 1
    else
      mv -nT "$placed" "$place" || return 1
    fi
  done
}

# tool_stage FOLDER HOME LINKS ONCE: as `stage`; LINKS (a path a line) are the node's files that the tool reads. What is
# made ONCE and complete is not made again.
tool_stage() {
  [ -n "$4" ] || gone "$1" || return 1
  stage "$1" || return
  while IFS= read -r link; do
    [ -n "$link" ] || continue
    [ -e "$2/$link" ] || { echo "$2/$link is missing"; return 1; }
    case $link in */*) mkdir -p "$1/${link%/*}" || return 1 ;; esac
    ln -s "$2/$link" "$1/$link" || return 1
  done <<EOT
$3
EOT
}
# tool_finish FOLDER GIVES
tool_finish() {
  [ -s "$1/$2" ] || { echo "the tool has not made $2"; return 1; }
  complete "$1"
}
# tool_place FOLDER HOME LEAVES: what is not in FOLDER any more has gone to its place before.
tool_place() {
  while IFS= read -r left; do
    [ -n "$left" ] && [ -e "$1/$left" ] || continue
    [ ! -e "$2/$left" ] || { echo "$2/$left is there already"; return 1; }
    mv -nT "$1/$left" "$2/$left" || return 1
  done <<EOT
$3
EOT
  [ -z "$3" ] || sync "$2"
}

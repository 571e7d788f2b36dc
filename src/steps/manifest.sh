# step_manifest PATH HEAD ENTRIES TAIL: ENTRIES are lines "json-begin<TAB>path"; the file's inode, size and times
# are filled in here, where they are known: root's own by root, the node's by its hand.
step_manifest() {
  manifest_path=$1 manifest_head=$2 manifest_entries=$3 manifest_tail=$4
  set --
  while IFS='	' read -r _ entry_path; do ! is_ours "$entry_path" || set -- "$@" "$entry_path"; done <<EOT
$manifest_entries
EOT
  ours_seen=$newline$(stats_of "$@")$newline
  set --
  while IFS='	' read -r _ entry_path; do [ -z "$entry_path" ] || is_ours "$entry_path" || set -- "$@" "$entry_path"; done <<EOT
$manifest_entries
EOT
  hand_seen=''
  # Before init there is none of them yet: what has come by then is listed by the next manifest.
  [ $# = 0 ] || [ ! -e "${manifest_path%/*}/initialised" ] || hand_seen=$newline$(in_hand stats_of "$@" | head -c 65536)$newline
  manifest_new=$manifest_head$newline comma=''
  while IFS='	' read -r entry_json entry_path; do
    [ -n "$entry_path" ] || continue
    entry_seen=$hand_seen
    ! is_ours "$entry_path" || entry_seen=$ours_seen
    entry_stat "$entry_seen" "$entry_path"
    manifest_new=$manifest_new$comma$entry_json$entry_stat}
    comma=,$newline
  done <<EOT
$manifest_entries
EOT
  manifest_new=$manifest_new$newline$manifest_tail
  [ ! -e "$manifest_path" ] || [ "$(cat "$manifest_path")" != "$manifest_new" ] || return 0
  [ -d "${manifest_path%/*}" ] || mkdir -p "${manifest_path%/*}" || return 1
  # With checksums of what others may not read.
  printf '%s\n' "$manifest_new" | put "$manifest_path" "$root_owner" 600 || return 1
  return 10
}
# entry_stat STATS PATH: $entry_stat is what is said there of PATH, in the manifest's notation, if it is said in numbers.
entry_stat() {
  entry_stat=''
  entry_said=${1#*"$newline$2	"}
  [ "$entry_said" != "$1" ] || return 0 # not there
  entry_said=${entry_said%%"$newline"*}
  case $entry_said in *[!0-9.\ ]*) return 0 ;; esac
  set -- $entry_said
  is_whole "$1" && is_whole "$2" && is_time "$3" && is_time "$4" && [ $# = 4 ] || return 0
  entry_stat=",\"inode\":$1,\"size\":$2,\"mtime\":\"$3\",\"ctime\":\"$4\""
}
# is_whole WORD, is_time WORD: whether it is such a number, and none that a reader of JSON or of the manifest trips over.
is_whole() {
  case $1 in '' | *[!0-9]* | 0?* | ????????????????????*) return 1 ;; esac
}
is_time() {
  case $1 in *.*) is_whole "${1%%.*}" && is_whole "1${1#*.}" ;; *) return 1 ;; esac
}

# file_is PATH OWNER:GROUP MODE SIZE SHA256, the content on standard input. One of another size is not read.
file_is() {
  if [ -f "$1" ] && [ ! -L "$1" ] && file_seen=$(stat -c '%s %U:%G %a' "$1") && [ "${file_seen%% *}" = "$4" ] &&
    [ "$(sum_of "$1")" = "$5" ]; then
    [ "${file_seen#* }" != "$2 $3" ] || return 0
    case $file_seen in "$4 $2 "*) chmod "$3" "$1" && return 10 ;; esac
  fi
  [ ! -d "$1" ] || [ -L "$1" ] || { echo "$1 is a folder"; return 1; }
  [ -d "${1%/*}" ] || mkdir -p "${1%/*}" || return 1
  put "$1" "$2" "$3" || return 1
  return 10
}
# file_as PATH OWNER:GROUP MODE SIZE: as `file_is`; on standard input the checksum stands in a line before the content, since
# everybody reads arguments, and whoever knows all of a file but a short password can try that out by the checksum.
file_as() { read -r as_sum && file_is "$1" "$2" "$3" "$4" "$as_sum"; }

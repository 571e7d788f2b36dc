# pull URL FILE: status 75 where the host cannot get at the file; then it goes through the control machine. Where the
# host's own disk is the reason, nothing would be better for that. A URL may hold a password: it goes in by stdin, since
# every user can read arguments, and what would end its line or its value there is none.
pull() {
  named "$1"
  case $1 in
    *[[:cntrl:][:space:]\"\\]*)
      echo "that is no URL: ${named%#sha256=*}"
      return 1
      ;;
  esac
  if command -v curl >/dev/null; then
    pull_full=23
    printf 'url = "%s"\n' "$1" |
      curl -gfsSL --connect-timeout 10 --speed-limit 1 --speed-time 30 --retry 1 -o "$2" --config -
  elif command -v wget >/dev/null; then
    pull_full=3
    printf '%s\n' "$1" | wget -nv -T 20 -t 2 -O "$2" --input-file=-
  else
    pull_full=''
    echo "neither curl nor wget is there"
    false
  fi && return 0
  pull_status=$?
  rm -f "$2"
  rmdir "${2%/*}" 2>/dev/null
  echo "could not download ${named%#sha256=*}"
  [ "$pull_status" != "$pull_full" ] || return 1
  return 75
}
# named URL: what it is called where others may read, as Url::name has it: without user, password and query, but with a
# checksum of the whole where it has any.
named() {
  named=${1%%[?#]*}
  named_rest=${named#*://}
  named_host=${named_rest%%/*}
  named=${named%%://*}://${named_host##*@}${named_rest#"$named_host"}
  [ "$named" != "$1" ] || return 0
  named_sum=$(printf '%s' "$1" | sha256sum)
  named=$named#sha256=${named_sum%% *}
}

# dir_is PATH MODE MODE_TOO: MODE counts for a new folder, for one that is there only if MODE_TOO is 1.
dir_is() {
  if [ -d "$1" ]; then
    dir_seen=$(stat -L -c '%U:%G %a' "$1") || return 1
    case $dir_seen in
      "$root_owner "*) ;;
      *)
        [ -O "$1" ] && chgrp "${root_owner#*:}" "$1" 2>/dev/null ||
          { echo "$1 belongs to ${dir_seen% *}, and not to ${root_owner%:*}: give it to that user (chown) as root"; return 1; }
        dir_did=10
        ;;
    esac
    [ "$3" != 1 ] || [ "${dir_seen##* }" = "$2" ] || { chmod "$2" "$1" && dir_did=10; } || return 1
    return "${dir_did:-0}"
  fi
  install -d -m "$2" "$1" || return 1
  return 10
}

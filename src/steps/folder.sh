owner_mode() { stat -c '%U:%G %a' "$1" 2>/dev/null; }
# step_dir PATH OWNER:GROUP MODE MODE_TOO: MODE counts for a new folder, for one that is there only if MODE_TOO is 1. By root
# where nobody else can change the way to it, else by the node's user.
step_dir() {
  own_uid
  [ "$uid" = 0 ] && safe_place "$1" || { hand_does dir_is "$1" "$3" "$4"; return; }
  if [ -n "$safe_rest" ]; then
    # Where root may not look (a home on NFS), it is there all the same.
    new_dir "$3" || { hand_does dir_is "$1" "$3" "$4"; return; }
    chown -h "$2" "$safe" || return 1
  elif [ -d "$safe" ]; then
    dir_seen=$(owner_mode "$safe") || return 1
    dir_wanted="$2 $3"
    [ "$4" = 1 ] || dir_wanted="$2 ${dir_seen##* }"
    [ "$dir_seen" != "$dir_wanted" ] || return 0
    chmod "${dir_wanted##* }" "$safe" && chown -h "$2" "$safe" || return 1
  else
    echo "$1 is there, and is no folder"
    return 1
  fi
  return 10
}
# new_dir MODE: what `safe_place` has found to be new; $safe is its last part then, with MODE. By root alone until then.
new_dir() {
  while :; do
    safe=./${safe_rest%%/*}
    case $safe_rest in
      */*) mkdir "$safe" 2>/dev/null && cd -P "$safe" && safe_rest=${safe_rest#*/} || return 1 ;;
      *) mkdir -m "$1" "$safe" 2>/dev/null && return ;;
    esac || return 1
  done
}

# step_tool HOME STATE UNIT NAME FROM, and in variables: tool_puts (`BASE64|PATH` a line), tool_links, tool_gives, tool_leaves (a
# path a line each); tool_run is what it does.
# A step of the chain's own genesis tool, in a staging folder beside init's, which is its $HOME as well. tool_links are the
# node's files that it reads. tool_gives is kept under STATE as NAME; tool_leaves go to their places in HOME, which is done
# once: a key is never made again. Without .complete staging is thrown away. The last word is NAME.from, with FROM, the
# checksum of all that the result follows from.
step_tool() {
  tool_kept=$2/pristine/$4 staging=$1/.loomctl-tool
  if [ -e "$tool_kept" ] && [ -e "$tool_kept.from" ]; then
    [ -z "$tool_leaves" ] && [ "$(cat "$tool_kept.from")" != "$5" ] || return 0
  fi
  if [ -z "$tool_leaves" ] || [ ! -e "$tool_kept" ]; then
    not_confined "$3" || return 1
    printf '%s' "$tool_puts" 2>/dev/null | hand_does tool_stage "$staging" "$1" "$tool_links" "$tool_leaves"
    case $? in
      0) tool_run && hand_does tool_finish "$staging" "$tool_gives" || return 1 ;;
      3) ;;
      *) return 1 ;;
    esac
    brings documents_of "$staging" "$4 $tool_gives" && [ -n "$brought" ] && keep "$2" "$4 $tool_gives" "$brought" || return 1
  fi
  hand_does tool_place "$staging" "$1" "$tool_leaves" && hand_does gone "$staging" || return 1
  printf '%s\n' "$5" | put "$tool_kept.from" "$root_owner" 644 || return 1
  return 10
}
# tool_does UNIT TEXT NAME QUIET: one command of it; what it has said is shown when it fails, but for QUIET, a secret.
tool_does() {
  confined "$1" "$2" && return 0
  [ -n "$4" ] || hand_does last_words "$staging"
  echo "\`$3\` ended with status $confined_status"
  return 1
}

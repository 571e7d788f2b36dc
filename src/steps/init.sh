# step_init HOME STATE UNIT, and in variables: init_before (`BASE64|PATH` a line: what must stand before), init_unit (the text
# of the unit that runs it), init_docs (`NAME PATH` a line: what is kept, pristine, under STATE), init_makes (a path a line:
# what must be there afterwards), init_prints, init_prints_of, init_drops.
# Runs once, in a staging folder on HOME's own file system. The order makes each interruption harmless: without .complete
# staging is thrown away, with it the files go on to their places, and the marker comes last.
# Where `keys restore` has been (STATE/restored, a path a line), its keys and its documents stay, and what this init
# has made for another key is not put into its place: the chain has its documents already.
step_init() {
  [ ! -e "$2/initialised" ] || return 0
  staging=$1/.loomctl-init
  not_confined "$3" || return 1
  printf '%s' "$init_before" 2>/dev/null | hand_does stage "$staging"
  case $? in
    0)
      confined "$3" "$init_unit" || {
        hand_does last_words "$staging"
        echo "the chain's init ended with status $confined_status"
        return 1
      }
      brings init_finish "$staging" "$init_docs" "$init_makes" "$init_prints" "$init_prints_of" "$init_drops" || return 1
      ;;
    3) brings documents_of "$staging" "$init_docs" || return 1 ;;
    *) return 1 ;;
  esac
  keep "$2" "$init_docs" "$brought" || return 1
  if [ -e "$2/restored" ]; then
    hand_does without_restored "$staging" "$1" "$(cat "$2/restored")" "$init_docs" || return 1
  fi
  hand_does init_place "$staging" "$1" || return 1
  date -u +%Y-%m-%dT%H:%M:%SZ | put "$2/initialised" "$root_owner" 644 || return 1
  hand_does gone "$staging" && rm -f "$2/restored" || return 1
  return 10
}

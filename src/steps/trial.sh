# step_trial FOLDER UNIT TEXT COMMAND: the unit TEXT runs COMMAND in FOLDER; nothing of it stays.
step_trial() {
  not_confined "$2" && hand_does gone "$1" && hand_does stage "$1" </dev/null || return 1
  confined "$2" "$3"
  trial=$?
  [ "$trial" = 0 ] || hand_does last_words "$1"
  hand_does gone "$1" || return 1
  [ "$trial" != 0 ] || return 10
  echo "the binary does not run here: \`$4\` ended with status $confined_status"
  return 1
}

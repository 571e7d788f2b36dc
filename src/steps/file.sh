# step_file PATH OWNER:GROUP MODE SIZE SHA256 CONTENT. Never as an argument of a process: it may be a key.
step_file() {
  if is_ours "$1"; then
    printf '%s' "$6" 2>/dev/null | file_is "$1" "$2" "$3" "$4" "$5"
  else
    printf '%s\n%s' "$5" "$6" 2>/dev/null | hand_does file_as "$1" "$2" "$3" "$4"
  fi
}

# step_binary PATH SHA256 URL: in place, or pulled from URL (may be empty: then it has been uploaded before).
step_binary() {
  ! binary_holds "$1" "$2" || return 0
  [ -n "$3" ] || { echo "$1 is missing or damaged, and was not uploaded"; return 1; }
  mkdir -p "${1%/*}" || return 1
  pull "$3" "$1.new" || return
  settle_binary "$1.new" "$1" "$2" || return 1
  return 10
}

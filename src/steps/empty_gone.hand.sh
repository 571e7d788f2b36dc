# empty_gone_is PATH: a folder of ours that others may have put something into.
empty_gone_is() {
  [ -d "$1" ] || return 0
  rmdir -- "$1" 2>/dev/null || return 0
  return 10
}

# gone_is PATH
gone_is() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  gone "$1" || return 1
  return 10
}

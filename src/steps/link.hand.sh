# link_is PATH TARGET
link_is() {
  [ ! -L "$1" ] || [ "$(readlink "$1")" != "$2" ] || return 0
  [ ! -d "$1" ] || [ -L "$1" ] || { echo "$1 is a folder"; return 1; }
  [ -d "${1%/*}" ] || mkdir -p "${1%/*}" || return 1
  gone "$1.loomctl-new" || return 1
  if [ -e "$1" ] || [ -L "$1" ]; then
    ln -s "$2" "$1.loomctl-new" && mv -fT "$1.loomctl-new" "$1" || return 1
  else
    ln -sT "$2" "$1" || return 1
  fi
  return 10
}

# step_adopt HOME STATE FILES: what is there is kept (`NAME PATH` a line), then the marker says that it is ours.
step_adopt() {
  [ ! -e "$2/initialised" ] || return 0
  brings documents_of "$1" "$3" && keep "$2" "$3" "$brought" || return 1
  date -u '+%Y-%m-%dT%H:%M:%SZ adopted' | put "$2/initialised" "$root_owner" 644 || return 1
  return 10
}

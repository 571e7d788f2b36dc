# step_unit NAME WANTED RECORD SUM: WANTED is start, restart, leave, or first: a start of what systemd has not heard of. What was started is written down in RECORD: the
# unit's invocation and SUM, the checksum of what it runs, or `-`. A reload takes a quarter of a second, so systemd is asked
# whether it needs one: a unit that is new to it is read when it is started. Who is to be started was down: where it is
# up after all, and with a unit that has just been replaced, it is between two crashes.
step_unit() {
  unit_did=0
  unit_how=$2
  if ! is_linked "$1"; then
    ! is_hidden "$1" || [ "$(systemctl is-enabled "$1.service" 2>/dev/null)" != masked-runtime ] || systemctl unmask --runtime -q "$1.service"
    systemctl enable -q --no-reload "$1.service" || return 1
    unit_did=10
  fi
  if [ "$2" = first ]; then
    # An older one remembers that there was no such unit, if another names it.
    systemctl start "$1.service" 2>/dev/null || { systemctl daemon-reload && systemctl start "$1.service"; } || return 1
    started_as "$1" "$3" "$4"
    return
  fi
  unit_shows=$(systemctl show -p LoadState,NeedDaemonReload,ActiveState "$1.service") || return 1
  if ! unit_is LoadState=loaded || unit_is NeedDaemonReload=yes; then
    systemctl daemon-reload || return 1
    unit_did=10
    [ "$2" != start ] || ! unit_is ActiveState=active || unit_how=restart
  fi
  case $unit_how in
    start)
      ! unit_is ActiveState=active || return $unit_did
      ! unit_is ActiveState=failed || systemctl reset-failed "$1.service"
      systemctl start "$1.service" || return 1
      ;;
    restart) systemctl restart "$1.service" || return 1 ;;
    *) return $unit_did ;;
  esac
  started_as "$1" "$3" "$4"
}
# started_as NAME RECORD SUM: the last word of a start.
started_as() {
  printf '%s %s\n' "$(invocation_of "$1")" "$3" | put "$2" "$root_owner" 644 || return 1
  return 10
}
# invocation_of NAME: as systemd has it for its journal, which costs less than to ask it.
invocation_of() {
  readlink "${run%/loomctl}/systemd/units/invocation:$1.service" || systemctl show -p InvocationID --value "$1.service"
}

confined=0 # units so far: each has a name of its own
# confined UNIT TEXT: the chain's own program, by a unit that is there until it ends: in the sandbox of the node's own,
# never in ours. What it leaves running ends with it.
confined() {
  confined_status='unknown: no unit can hold this command'
  [ -n "$2" ] || return 1
  confined=$((confined + 1))
  confined_unit=loomctl-$1-$me-$confined.service
  [ -d "$transient" ] || mkdir -p "$transient" || return 1
  printf '%s' "$2" | put "$transient/$confined_unit" "$root_owner" 600 || return 1
  systemctl start "$confined_unit" 2>/dev/null
  confined_status=$?
  rm -f "$transient/$confined_unit"
  [ "$confined_status" != 0 ] || return 0
  confined_status=$(systemctl show -p ExecMainStatus --value "$confined_unit")
  [ "$confined_status" != 0 ] || confined_status=$(systemctl show -p Result --value "$confined_unit")
  systemctl reset-failed "$confined_unit" 2>/dev/null
  return 1
}
# not_confined UNIT: what a run that was cut off has left at work.
not_confined() {
  for left in "$transient/loomctl-$1-"*.service; do
    [ -e "$left" ] || continue
    systemctl kill -s KILL "${left##*/}" 2>/dev/null
    systemctl stop "${left##*/}" && rm -f "$left" || return 1
  done
}

# step_disabled NAME
step_disabled() {
  [ "$(systemctl is-enabled "$1.service" 2>/dev/null)" = enabled ] || return 0
  systemctl disable -q "$1.service" || return 1
  return 10
}

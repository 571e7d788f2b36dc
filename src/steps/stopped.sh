# step_stopped NAME
step_stopped() {
  case $(systemctl is-active "$1.service") in
    inactive | failed | unknown) return 0 ;;
  esac
  systemctl stop "$1.service" || return 1
  return 10
}

# step_account USER: with a group of that name, which may be there already.
step_account() {
  ! id -u "$1" >/dev/null 2>&1 || return 0
  command -v useradd >/dev/null || { echo "useradd is not there: create the user $1 by hand"; return 1; }
  account_group=--user-group
  ! getent group "$1" >/dev/null || account_group=--gid=$1
  useradd --system --create-home --shell=/usr/sbin/nologin "$account_group" -- "$1" || return 1
  return 10
}

# What every script of ours begins with, after core.sh. The whole script is the body of one function (see script.rs), so
# that a half-received one does nothing. $NONCE and $HEARTBEAT (seconds) are set by the controller, $core and $hand hold the
# texts of core.sh and hand.sh, and both what the script's steps need there (steps/*.sh).
# Root opens, makes and removes nothing below a folder that another account can write to: there the hand does it, as the
# node's user. Root's own are $lib, $units, $run and $transient.
cd /
exec 3<&0 0</dev/null # children never read the life line
trap '' PIPE          # without this the first echo after a lost connection ends us before our clean-up
me=$$ stop=0 changes='' watcher=''
hand_user='' hand_group='' hand_home='' hand_within='' is_own=''
trap 'stop=1' TERM HUP INT
echo # ends a greeting that lacks its newline, or our first line would be part of it

# Lines that carry results begin with the nonce of the run: a program's own output may hold anything.
say() { printf '%s %s\n' "$NONCE" "$*"; }
finish() {
  at_end "$1"
  [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
  say "end $1"
  exit "$1"
}
at_end() { :; } # of a stage: what it did goes into the audit log, however it ended
# From here on stdin is the life line: its end, or silence for $HEARTBEAT seconds, turns into TERM. Between two steps the
# script ends by itself; what it is stuck in dies a while later, and with it go the locks: whoever has the node's account
# can hold up a hand, or what the chain's program does, but not us.
watch() {
  (
    exec >/dev/null 2>&1
    while beat=$(timeout "$HEARTBEAT" head -n 1 <&3) && [ -n "$beat" ]; do :; done
    kill -TERM "$me"
    read -r own_pid _ </proc/self/stat
    patience 100
    for left in "$transient"/loomctl-*-"$me"-*.service; do
      [ ! -e "$left" ] || systemctl kill -s KILL "${left##*/}"
    done
    end_session "$me $own_pid"
    patience 25
    end_session "$own_pid"
  ) &
  watcher=$!
}
# patience TRIES: a fifth of a second each, as long as the script is there.
patience() {
  tries=$1
  while [ "$tries" -gt 0 ]; do
    kill -0 "$me" || exit 0
    tries=$((tries - 1))
    sleep 0.2
  done
}
# end_session PIDS: all of it but these. It is the script's own (setsid), or nothing is ended.
end_session() {
  [ "$(session_of "$me")" = "$me" ] || return 0
  for proc in /proc/[0-9]*; do
    case " $1 " in *" ${proc#/proc/} "*) continue ;; esac
    [ "$(session_of "${proc#/proc/}")" != "$me" ] || kill -KILL "${proc#/proc/}"
  done
}
session_of() {
  read -r of_proc <"/proc/$1/stat" || return 0
  of_proc=${of_proc##*) }
  of_proc=${of_proc#* * * }
  echo "${of_proc%% *}"
}
# step ID FUNCTION ARG…: status 0 is "was so already", 10 "made so", all else a failure that ends the script.
step() {
  [ "$stop" = 0 ] || finish 143
  step_id=$1
  shift
  say "begin $step_id"
  step_out=$("$@" 2>&1 3<&-)
  step_status=$?
  case $step_status in
    0) say "done $step_id ok" ;;
    10)
      changes="$changes $step_id"
      say "done $step_id changed"
      ;;
    *)
      say "failed $step_id $step_status $(printf '%s' "$step_out" | tail -c 4000 | base64 -w0)"
      finish 1
      ;;
  esac
}

# Who we are, without a process: the first of the four is the real one.
own_uid() {
  while read -r uid_key uid _; do [ "$uid_key" != Uid: ] || break; done </proc/self/status
}
# own_environment: what this shell was given stays here, under its name, and goes on to no hand. A value may have several lines;
# what looks like a name in it loses nothing by that.
own_environment() {
  is_own=yes
  exported=$(export -p)
  IFS=$newline
  set -f
  for exported in $exported; do
    exported=${exported#export }
    exported=${exported#declare -x }
    exported=${exported%%=*}
    case $exported in PATH | LC_ALL | HOME | XDG_RUNTIME_DIR | IFS | exported | given | '' | *[!A-Za-z0-9_]* | [0-9]*) continue ;; esac
    eval "[ -z \"\${$exported+x}\" ] || { given=\$$exported && unset $exported && $exported=\$given; }"
  done
  set +f
  unset IFS
}
# hand_is USER ACCOUNT: whose hand it is from here on; ACCOUNT (`uid group home`) is what is known of it, or nothing.
hand_is() {
  [ -n "$is_own" ] || own_environment
  hand_user='' hand_is=$2
  if [ -z "$hand_is" ]; then
    entry=$(getent passwd "$1") || return 1
    hand_home=${entry%:*}
    entry=${entry#*:*:}
    hand_is="${entry%%:*} $(id -gn "$1") ${hand_home##*:}"
  fi
  hand_home=/${hand_is#* /} hand_group=${hand_is#* }
  hand_group=${hand_group%% /*} hand_user=$1
}
# in_hand FUNCTION ARG…: of hand.sh, as the node's user, without new privileges, with nothing of ours but standard input:
# our environment has gone before our user does, or the node's processes could read it in between.
# In a process of its own: the shell in between holds the lock as long as it works.
in_hand() {
  [ -n "$hand_user" ] || { echo "the node's user is not there"; return 1; }
  set -- sh -c "$core$hand" hand "$hand_user:$hand_group" "$@"
  own_uid
  if [ "$uid" = 0 ]; then
    set -- setpriv --reuid="$hand_user" --regid="$hand_group" --init-groups --no-new-privs -- "$@"
  fi
  set -- $hand_within "$@"
  HOME=$hand_home USER=$hand_user LOGNAME=$hand_user "$@" 3<&- 6<&- 7<&- 8<&- 9<&-
  return $?
}
# hand_does FUNCTION ARG…: of a step. A hand may have much to say: a line for each of millions of files that it cannot remove.
hand_does() {
  hand_said=$({ in_hand "$@" 2>&1; echo " $?"; } | tail -c 65536)
  printf '%s' "${hand_said% *}"
  return "${hand_said##* }"
}
# glance BYTES FUNCTION ARG…: what a hand says, of a limited size, within a minute. The node's processes can stop it, and can
# keep its pipe open after its end.
glance() {
  glance_most=$1
  shift
  {
    hand_within='timeout -s KILL 60'
    in_hand "$@" 2>/dev/null
  } | timeout -s KILL 65 head -c "$glance_most"
}
# is_ours PATH: in a folder that root alone writes to; all else is the node's.
is_ours() { case $1 in "$lib"/* | "$units"/*) return 0 ;; *) return 1 ;; esac; }
# safe_place PATH: whether nobody but root can change what is on the way to it. We go there, part by part, so that what was
# looked at is what we stand in, whatever is mounted over its name meanwhile. From there $safe is the next part of the way: it
# is PATH itself, or, where $safe_rest is not empty, new with all that follows.
safe_place() {
  safe=. safe_rest=${1#/} safe_links=0 roots_device=''
  cd / && is_roots || return 1
  while [ -n "$safe_rest" ]; do
    safe=${safe_rest%%/*}
    case $safe_rest in */*) safe_rest=${safe_rest#*/} ;; *) safe_rest='' ;; esac
    case $safe in
      '' | .) safe=. && continue ;;
      ..) cd -P .. && safe=. && continue ;;
    esac
    safe=./$safe
    if [ -L "$safe" ]; then
      safe_links=$((safe_links + 1))
      [ "$safe_links" -le 40 ] && safe_to=$(readlink "$safe") || return 1
      case $safe_to in /*) cd / ;; esac
      safe_rest=${safe_to#/}${safe_rest:+/$safe_rest} safe=.
    elif [ ! -e "$safe" ]; then
      case /$safe_rest/ in */../*) return 1 ;; esac
      safe_rest=${safe#./}${safe_rest:+/$safe_rest}
      return 0
    elif [ -n "$safe_rest" ]; then
      cd -P "$safe" && is_roots && safe=. || return 1
    fi
  done
}
# is_roots: whether only root writes to the folder that we are in. A file system of somebody's own (FUSE) may say so.
is_roots() {
  [ -O . ] && roots=$(stat -c '%d %u %a' .) || return 1
  case $roots in *' 0 '*) ;; *) return 1 ;; esac
  [ $((0${roots##* } & 022)) = 0 ] || return 1
  [ "${roots%% *}" != "$roots_device" ] || return 0
  case $(stat -f -c %T .) in fuse* | '') return 1 ;; esac
  roots_device=${roots%% *}
}

# The stamp beside a binary says which file was found to have the checksum: hashing it again is for when it differs.
stamp_of() { stat -c '%i %s %.9Y %.9Z' "$1" 2>/dev/null; }
# binary_holds PATH SHA256
binary_holds() {
  [ -f "$1" ] && [ -x "$1" ] && holds=$(stat -c '%U:%G %a %i %s %.9Y %.9Z' "$1" 2>/dev/null) || return 1
  case $holds in "$root_owner 755 "*) ;; *) return 1 ;; esac
  stamp=''
  read -r stamp 2>/dev/null <"${1%/*}/.stamp"
  [ -n "${deep:-}" ] || [ "$stamp" != "${holds#"$root_owner 755 "}" ] || return 0
  [ "$(sum_of "$1")" = "$2" ]
}
# settle_binary NEW PATH SHA256: checks what has arrived, and only then gives it its name.
settle_binary() {
  sync "$1" & # to the disk while it is being hashed
  settle_sum=$(sum_of "$1")
  wait "$!" || { rm -f "$1"; return 1; }
  if [ "$settle_sum" != "$3" ]; then
    rm -f "$1"
    echo "the binary that arrived has sha256 $settle_sum, expected $3"
    return 1
  fi
  own "$root_owner" "$1" && chmod 755 "$1" && mv -fT "$1" "$2" && stamp_of "$2" >"${2%/*}/.stamp"
}

# unit_is PROPERTY=VALUE, in what `systemctl show` has said, which is in $unit_shows.
unit_is() { case $newline$unit_shows$newline in *"$newline$1$newline"*) return 0 ;; *) return 1 ;; esac; }

# audit STATUS STATE LINE-BEGIN STEP NAME…: one line of JSON with the names (in JSON's notation) of those steps that
# changed something; no line when none did.
audit() {
  audit_end=failed audit_state=$2 audit_line=$3 audit_names=''
  case $1 in 0) audit_end=ok ;; 143) audit_end=interrupted ;; esac
  shift 3
  while [ $# -ge 2 ]; do
    case "$changes " in *" $1 "*) audit_names=$audit_names,$2 ;; esac
    shift 2
  done
  [ -n "$audit_names" ] && [ -d "$audit_state" ] || return 0
  printf '%s,"time":"%s","result":"%s","changed":[%s]}\n' "$audit_line" "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$audit_end" "${audit_names#,}" >>"$audit_state/audit.log"
}

# take_lock NAME SECONDS WHO FD: lives as long as the descriptor that was opened for it (7 to 9); WHO is for the one who
# comes too late. A lock file's text says nothing by itself: flock(2) decides.
take_lock() {
  waited=0
  until flock -w 1 "$4"; do
    waited=$((waited + 1))
    # This very run, by another address of this machine, would wait for itself. (Of its work it may be the step before.)
    case $1 in *.work) held_by='' ;; *) IFS= read -r held_by <"$run/$1.lock" ;; esac
    case $held_by in "$3, since "*) waited=$2 ;; esac
    [ "$waited" -lt "$2" ] || { say "locked $1 $(base64 -w0 <"$run/$1.lock")" && finish 4; }
  done
  : "${since:=$(date '+%Y-%m-%d %H:%M:%S %Z')}"
  printf '%s, since %s' "$3" "$since" >"$run/$1.lock"
}
# take_locks CLUSTER FIRST SECONDS WHO: FIRST is 1 on the host that holds the lock of the whole cluster. It is taken
# before the host's own, which others may hold for a moment while they find out that they came too late.
take_locks() {
  # Nobody else may hold them: neither the folder nor the files are open to others, whoever made it.
  [ -d "$run" ] || mkdir -p "$run"
  # A failed redirection would end the shell without a word.
  [ -w "$run" ] && chmod 700 "$run" || finish 1
  umask 077 # of lock files
  if [ "$2" = 1 ]; then
    exec 8>>"$run/$1.cluster.lock" || finish 1
    # A run that has just ended does not wait until its hosts have noticed: they let go within this second.
    take_lock "$1.cluster" "$((1 + $3))" "$4" 8
  fi
  exec 9>>"$run/$1.lock" || finish 1
  take_lock "$1" "$((5 + $3))" "$4" 9
  # A run that was cut off has let these go, but its host is at its last step until that ends.
  take_work "$1" "$((30 + $3))" "$4"
  exec 7>&-
}
# take_work CLUSTER SECONDS WHO: held by what works, with its children, and not by who asked for it.
take_work() {
  umask 077
  exec 7>>"$run/$1.work.lock" || finish 1
  umask 022
  take_lock "$1.work" "$2" "$3" 7
}
# still_mine CLUSTER WHO: a run that slept (a suspended laptop) has lost its lock, and another may have worked here since.
still_mine() {
  flock -n 6 6>>"$run/$1.lock" || {
    IFS= read -r held_by <"$run/$1.lock"
    case $held_by in "$2, since "*) since=${held_by#"$2, since "} && return ;; esac
  }
  say unlocked
  finish 1
}
# hold: until the life line ends.
hold() {
  say gathered
  while [ "$stop" = 0 ]; do wait "$watcher"; done
  finish 0
}

# What every script of ours begins with, after core.sh. The whole script is the body of one function (see script.rs), so
# that a half-received one does nothing. $NONCE and $HEARTBEAT (seconds) are set by the controller, $core and $hand hold the
# texts of core.sh and hand.sh.
# Root opens, makes and removes nothing below a folder that another account can write to: there the hand does it, as the
# node's user. Root's own are $lib, $units, $run and $transient.
cd /
exec 3<&0 0</dev/null # children never read the life line
trap '' PIPE          # without this the first echo after a lost connection ends us before our clean-up
me=$$ stop=0 changes='' watcher='' confined=0
hand_user='' hand_group='' hand_home='' hand_within=''
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
# hand_is USER ACCOUNT: whose hand it is from here on; ACCOUNT (`uid group home`) is what is known of it, or nothing.
hand_is() {
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
# our environment goes before our user does, or the node's processes could read it in between.
# In a process of its own: the shell in between holds the lock as long as it works.
in_hand() {
  [ -n "$hand_user" ] || { echo "the node's user is not there"; return 1; }
  set -- sh -c "$core$hand" hand "$hand_user:$hand_group" "$@"
  own_uid
  if [ "$uid" = 0 ]; then
    set -- setpriv --reuid="$hand_user" --regid="$hand_group" --init-groups --no-new-privs -- "$@"
  fi
  set -- $hand_within env -i HOME="$hand_home" USER="$hand_user" LOGNAME="$hand_user" PATH="$PATH" "$@"
  "$@" 3<&- 6<&- 7<&- 8<&- 9<&-
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

# step_account USER: with a group of that name, which may be there already.
step_account() {
  ! id -u "$1" >/dev/null 2>&1 || return 0
  command -v useradd >/dev/null || { echo "useradd is not there: create the user $1 by hand"; return 1; }
  account_group=--user-group
  ! getent group "$1" >/dev/null || account_group=--gid=$1
  useradd --system --create-home --shell=/usr/sbin/nologin "$account_group" -- "$1" || return 1
  return 10
}

# step_dir PATH OWNER:GROUP MODE MODE_TOO: MODE counts for a new folder, for one that is there only if MODE_TOO is 1. By root
# where nobody else can change the way to it, else by the node's user.
step_dir() {
  own_uid
  [ "$uid" = 0 ] && safe_place "$1" || { hand_does dir_is "$1" "$3" "$4"; return; }
  if [ -n "$safe_rest" ]; then
    # Where root may not look (a home on NFS), it is there all the same.
    new_dir "$3" || { hand_does dir_is "$1" "$3" "$4"; return; }
    chown -h "$2" "$safe" || return 1
  elif [ -d "$safe" ]; then
    dir_seen=$(owner_mode "$safe") || return 1
    dir_wanted="$2 $3"
    [ "$4" = 1 ] || dir_wanted="$2 ${dir_seen##* }"
    [ "$dir_seen" != "$dir_wanted" ] || return 0
    chmod "${dir_wanted##* }" "$safe" && chown -h "$2" "$safe" || return 1
  else
    echo "$1 is there, and is no folder"
    return 1
  fi
  return 10
}
# new_dir MODE: what `safe_place` has found to be new; $safe is its last part then, with MODE. By root alone until then.
new_dir() {
  while :; do
    safe=./${safe_rest%%/*}
    case $safe_rest in
      */*) mkdir "$safe" 2>/dev/null && cd -P "$safe" && safe_rest=${safe_rest#*/} || return 1 ;;
      *) mkdir -m "$1" "$safe" 2>/dev/null && return ;;
    esac || return 1
  done
}
# step_file PATH OWNER:GROUP MODE SIZE SHA256 CONTENT. Never as an argument of a process: it may be a key.
step_file() {
  if is_ours "$1"; then
    printf '%s' "$6" 2>/dev/null | file_is "$1" "$2" "$3" "$4" "$5"
  else
    printf '%s\n%s' "$5" "$6" 2>/dev/null | hand_does file_as "$1" "$2" "$3" "$4"
  fi
}
# step_link PATH TARGET
step_link() { if is_ours "$1"; then link_is "$1" "$2"; else hand_does link_is "$1" "$2"; fi; }

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
# step_binary PATH SHA256 URL: in place, or pulled from URL (may be empty: then it has been uploaded before).
step_binary() {
  ! binary_holds "$1" "$2" || return 0
  [ -n "$3" ] || { echo "$1 is missing or damaged, and was not uploaded"; return 1; }
  mkdir -p "${1%/*}" || return 1
  pull "$3" "$1.new" || return
  settle_binary "$1.new" "$1" "$2" || return 1
  return 10
}
# pull URL FILE: status 75 where the host cannot get at the file; then it goes through the control machine. Where the
# host's own disk is the reason, nothing would be better for that. A URL may hold a password: it goes in by stdin, since
# every user can read arguments, and what would end its line or its value there is none.
pull() {
  named "$1"
  case $1 in
    *[[:cntrl:][:space:]\"\\]*)
      echo "that is no URL: ${named%#sha256=*}"
      return 1
      ;;
  esac
  if command -v curl >/dev/null; then
    pull_full=23
    printf 'url = "%s"\n' "$1" |
      curl -gfsSL --connect-timeout 10 --speed-limit 1 --speed-time 30 --retry 1 -o "$2" --config -
  elif command -v wget >/dev/null; then
    pull_full=3
    printf '%s\n' "$1" | wget -nv -T 20 -t 2 -O "$2" --input-file=-
  else
    pull_full=''
    echo "neither curl nor wget is there"
    false
  fi && return 0
  pull_status=$?
  rm -f "$2"
  rmdir "${2%/*}" 2>/dev/null
  echo "could not download ${named%#sha256=*}"
  [ "$pull_status" != "$pull_full" ] || return 1
  return 75
}
# step_fetch NAME URL: a binary whose checksum nobody knows yet: pulled, hashed, put where its checksum says.
step_fetch() {
  ! fetched "$2" || return 0
  mkdir -p "$lib/bin/.pull" || return 1
  pull "$2" "$lib/bin/.pull/$1" || return
  fetch_sum=$(sum_of "$lib/bin/.pull/$1")
  mkdir -p "$lib/bin/$fetch_sum" && settle_binary "$lib/bin/.pull/$1" "$lib/bin/$fetch_sum/$1" "$fetch_sum" || return 1
  rmdir "$lib/bin/.pull" 2>/dev/null
  came_from "$fetch_sum" "$2"
}
# step_relayed NAME URL SHA256: the same where the control machine has downloaded it and sent it up before.
step_relayed() {
  binary_holds "$lib/bin/$3/$1" "$3" || { echo "$lib/bin/$3/$1 is missing or damaged"; return 1; }
  came_from "$3" "$2"
}
# named URL: what it is called where others may read, as Url::name has it: without user, password and query, but with a
# checksum of the whole where it has any.
named() {
  named=${1%%[?#]*}
  named_rest=${named#*://}
  named_host=${named_rest%%/*}
  named=${named%%://*}://${named_host##*@}${named_rest#"$named_host"}
  [ "$named" != "$1" ] || return 0
  named_sum=$(printf '%s' "$1" | sha256sum)
  named=$named#sha256=${named_sum%% *}
}
# fetched URL: another node of this host has just done so.
fetched() {
  named "$1"
  for fetched in "$lib"/bin/*/.url; do
    ! read -r _ fetched_is 2>/dev/null <"$fetched" || [ "$fetched_is" != "$named" ] || return 0
  done
  return 1
}
# came_from SHA256 URL: what the next run knows the checksum by. For us alone: a short password could be guessed by the
# checksum of its URL. The file is written again: an older one of ours held the URL itself.
came_from() {
  named "$2"
  gone "$lib/bin/$1/.url" || return 1
  umask 077
  printf '%s %s\n' "$1" "$named" >"$lib/bin/$1/.url"
  came=$?
  umask 022
  [ "$came" = 0 ] && return 10
}

# keep STATE DOCUMENTS FILE…: what the hand has brought (`NAME BASE64` a line) of these (`NAME PATH` a line) is kept,
# pristine, under STATE.
keep() {
  # What the node keeps to itself (a password in its configuration) is nobody else's here either.
  mkdir -p "$1/pristine" && chmod 700 "$1/pristine" || return 1
  keep_state=$1 keep_asked=$newline$2
  [ "$(printf '%s\n' "$3" | wc -l)" -le "$(($(printf '%s\n' "$2" | wc -l) + 1))" ] || { echo "more was brought than was asked for"; return 1; }
  # Not by read(1p), which takes a long line byte by byte.
  set -f
  IFS=$newline
  set -- $3
  set +f
  unset IFS
  for brought_one in "$@"; do
    kept=${brought_one%% *}
    case $keep_asked in *"$newline$kept "*) ;; *) echo "$kept was not asked for"; return 1 ;; esac
    [ -e "$keep_state/restored" ] && [ -e "$keep_state/pristine/$kept" ] ||
      printf '%s' "${brought_one#"$kept "}" | base64 -d | put "$keep_state/pristine/$kept" "$root_owner" 600 || return 1
  done
}
# brings FUNCTION ARG…: $brought is what the hand says the documents hold (`documents_of`).
brings() {
  brought=$({ in_hand "$@" 2>&1; echo " $?"; } | head -c 50331648)
  case $brought in *" 0") brought=${brought%" 0"} ;; *) printf '%s\n' "${brought% *}" | tail -c 4096 && return 1 ;; esac
}

# step_init HOME STATE UNIT, and in variables: init_before (`BASE64|PATH` a line: what must stand before), init_unit (the text
# of the unit that runs it), init_docs (`NAME PATH` a line: what is kept, pristine, under STATE), init_makes (a path a line:
# what must be there afterwards), init_prints, init_prints_of, init_drops.
# Runs once, in a staging folder on HOME's own file system. The order makes each interruption harmless: without .complete
# staging is thrown away, with it the files go on to their places, and the marker comes last.
# Where `keys restore` has been (STATE/restored, a path a line), its keys and its documents stay, and what this init
# has made for another key is not put into its place: the chain has its documents already.
step_init() {
  [ ! -e "$2/initialised" ] || return 0
  staging=$1/.loomctl-init
  not_confined "$3" || return 1
  printf '%s' "$init_before" 2>/dev/null | hand_does stage "$staging"
  case $? in
    0)
      confined "$3" "$init_unit" || {
        hand_does last_words "$staging"
        echo "the chain's init ended with status $confined_status"
        return 1
      }
      brings init_finish "$staging" "$init_docs" "$init_makes" "$init_prints" "$init_prints_of" "$init_drops" || return 1
      ;;
    3) brings documents_of "$staging" "$init_docs" || return 1 ;;
    *) return 1 ;;
  esac
  keep "$2" "$init_docs" "$brought" || return 1
  if [ -e "$2/restored" ]; then
    hand_does without_restored "$staging" "$1" "$(cat "$2/restored")" "$init_docs" || return 1
  fi
  hand_does init_place "$staging" "$1" || return 1
  date -u +%Y-%m-%dT%H:%M:%SZ | put "$2/initialised" "$root_owner" 644 || return 1
  hand_does gone "$staging" && rm -f "$2/restored" || return 1
  return 10
}
# step_tool HOME STATE UNIT NAME FROM, and in variables: tool_puts (`BASE64|PATH` a line), tool_links, tool_gives, tool_leaves (a
# path a line each); tool_run is what it does.
# A step of the chain's own genesis tool, in a staging folder beside init's, which is its $HOME as well. tool_links are the
# node's files that it reads. tool_gives is kept under STATE as NAME; tool_leaves go to their places in HOME, which is done
# once: a key is never made again. Without .complete staging is thrown away. The last word is NAME.from, with FROM, the
# checksum of all that the result follows from.
step_tool() {
  tool_kept=$2/pristine/$4 staging=$1/.loomctl-tool
  if [ -e "$tool_kept" ] && [ -e "$tool_kept.from" ]; then
    [ -z "$tool_leaves" ] && [ "$(cat "$tool_kept.from")" != "$5" ] || return 0
  fi
  if [ -z "$tool_leaves" ] || [ ! -e "$tool_kept" ]; then
    not_confined "$3" || return 1
    printf '%s' "$tool_puts" 2>/dev/null | hand_does tool_stage "$staging" "$1" "$tool_links" "$tool_leaves"
    case $? in
      0) tool_run && hand_does tool_finish "$staging" "$tool_gives" || return 1 ;;
      3) ;;
      *) return 1 ;;
    esac
    brings documents_of "$staging" "$4 $tool_gives" && [ -n "$brought" ] && keep "$2" "$4 $tool_gives" "$brought" || return 1
  fi
  hand_does tool_place "$staging" "$1" "$tool_leaves" && hand_does gone "$staging" || return 1
  printf '%s\n' "$5" | put "$tool_kept.from" "$root_owner" 644 || return 1
  return 10
}
# tool_does UNIT TEXT NAME QUIET: one command of it; what it has said is shown when it fails, but for QUIET, a secret.
tool_does() {
  confined "$1" "$2" && return 0
  [ -n "$4" ] || hand_does last_words "$staging"
  echo "\`$3\` ended with status $confined_status"
  return 1
}
# step_adopt HOME STATE FILES: what is there is kept (`NAME PATH` a line), then the marker says that it is ours.
step_adopt() {
  [ ! -e "$2/initialised" ] || return 0
  brings documents_of "$1" "$3" && keep "$2" "$3" "$brought" || return 1
  date -u '+%Y-%m-%dT%H:%M:%SZ adopted' | put "$2/initialised" "$root_owner" 644 || return 1
  return 10
}
# unit_is PROPERTY=VALUE, in what `systemctl show` has said, which is in $unit_shows.
unit_is() { case $newline$unit_shows$newline in *"$newline$1$newline"*) return 0 ;; *) return 1 ;; esac; }
# step_unit NAME WANTED RECORD SUM: WANTED is start, restart or leave. What was started is written down in RECORD: the
# unit's invocation and SUM, the checksum of what it runs. A reload takes a quarter of a second, so systemd is asked
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
  printf '%s %s\n' "$(invocation_of "$1")" "$4" | put "$3" "$root_owner" 644 || return 1
  return 10
}
# invocation_of NAME: as systemd has it for its journal, which costs less than to ask it.
invocation_of() {
  readlink "${run%/loomctl}/systemd/units/invocation:$1.service" || systemctl show -p InvocationID --value "$1.service"
}

# step_stopped NAME
step_stopped() {
  case $(systemctl is-active "$1.service") in
    inactive | failed | unknown) return 0 ;;
  esac
  systemctl stop "$1.service" || return 1
  return 10
}
# step_disabled NAME
step_disabled() {
  [ "$(systemctl is-enabled "$1.service" 2>/dev/null)" = enabled ] || return 0
  systemctl disable -q "$1.service" || return 1
  return 10
}

# step_gone PATH
step_gone() { if is_ours "$1"; then gone_is "$1"; else hand_does gone_is "$1"; fi; }
# step_empty_gone PATH
step_empty_gone() { if is_ours "$1"; then empty_gone_is "$1"; else hand_does empty_gone_is "$1"; fi; }

# step_unused PATH: a cached binary and its folder, unless a manifest on this host still names its checksum.
step_unused() {
  unused=${1%/*}
  [ -d "$unused" ] || return 0
  ! grep -qsF "${unused##*/}" "$lib"/*/*/manifest.json || return 0
  rm -rf -- "$unused" || return 1
  return 10
}
step_reload() { systemctl daemon-reload && return 10; }

# step_unsigned FILE PREFIX
step_unsigned() { hand_does unsigned_is "$1" "$2"; }

# step_manifest PATH HEAD ENTRIES TAIL: ENTRIES are lines "json-begin<TAB>path"; the file's inode, size and times
# are filled in here, where they are known: root's own by root, the node's by its hand.
step_manifest() {
  manifest_path=$1 manifest_head=$2 manifest_entries=$3 manifest_tail=$4
  set --
  while IFS='	' read -r _ entry_path; do ! is_ours "$entry_path" || set -- "$@" "$entry_path"; done <<EOT
$manifest_entries
EOT
  ours_seen=$newline$(stats_of "$@")$newline
  set --
  while IFS='	' read -r _ entry_path; do [ -z "$entry_path" ] || is_ours "$entry_path" || set -- "$@" "$entry_path"; done <<EOT
$manifest_entries
EOT
  hand_seen=''
  [ $# = 0 ] || hand_seen=$newline$(in_hand stats_of "$@" | head -c 65536)$newline
  manifest_new=$manifest_head$newline comma=''
  while IFS='	' read -r entry_json entry_path; do
    [ -n "$entry_path" ] || continue
    entry_seen=$hand_seen
    ! is_ours "$entry_path" || entry_seen=$ours_seen
    entry_stat "$entry_seen" "$entry_path"
    manifest_new=$manifest_new$comma$entry_json$entry_stat}
    comma=,$newline
  done <<EOT
$manifest_entries
EOT
  manifest_new=$manifest_new$newline$manifest_tail
  [ ! -e "$manifest_path" ] || [ "$(cat "$manifest_path")" != "$manifest_new" ] || return 0
  [ -d "${manifest_path%/*}" ] || mkdir -p "${manifest_path%/*}" || return 1
  # With checksums of what others may not read.
  printf '%s\n' "$manifest_new" | put "$manifest_path" "$root_owner" 600 || return 1
  return 10
}
# entry_stat STATS PATH: $entry_stat is what is said there of PATH, in the manifest's notation, if it is said in numbers.
entry_stat() {
  entry_stat=''
  entry_said=${1#*"$newline$2	"}
  [ "$entry_said" != "$1" ] || return 0 # not there
  entry_said=${entry_said%%"$newline"*}
  case $entry_said in *[!0-9.\ ]*) return 0 ;; esac
  set -- $entry_said
  is_whole "$1" && is_whole "$2" && is_time "$3" && is_time "$4" && [ $# = 4 ] || return 0
  entry_stat=",\"inode\":$1,\"size\":$2,\"mtime\":\"$3\",\"ctime\":\"$4\""
}

# is_whole WORD, is_time WORD: whether it is such a number, and none that a reader of JSON or of the manifest trips over.
is_whole() {
  case $1 in '' | *[!0-9]* | 0?* | ????????????????????*) return 1 ;; esac
}
is_time() {
  case $1 in *.*) is_whole "${1%%.*}" && is_whole "1${1#*.}" ;; *) return 1 ;; esac
}

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
  if ! flock -w "$2" "$4"; then
    say "locked $1 $(base64 -w0 <"$run/$1.lock")"
    finish 4
  fi
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

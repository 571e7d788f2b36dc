# Facts: what a host says of itself. Lines: NONCE fact SCOPE KEY VALUE-to-the-end-of-the-line, and
# NONCE blob SCOPE KEY base64. SCOPE is `host` or the node's number in the request. Nothing here changes anything,
# and nothing here prints a private key.
# Written for few processes: on a busy machine each costs a millisecond, and every stage ends with this.
fact() { printf '%s fact %s %s %s\n' "$NONCE" "$1" "$2" "$3"; }
# each_line SCOPE KEY LINES
each_line() {
  [ -n "$3" ] || return 0
  while IFS= read -r line; do fact "$1" "$2" "$line"; done <<EOT
$3
EOT
}
# texts SCOPE PATH…: of root's own files: the paths that are there, then their contents as `head -v` writes one after another; one byte more
# of each than a text that we want may have (texts.rs).
texts() {
  scope=$1
  shift
  for path in "$@"; do
    shift
    [ ! -f "$path" ] || { fact "$scope" text "$path" && set -- "$@" "$path"; }
  done
  [ $# = 0 ] || printf '%s blob %s texts %s\n' "$NONCE" "$scope" "$(head -v -c "$((largest_text + 1))" -- "$@" 2>/dev/null | base64 -w0)"
}

observe_host() {
  say at "the machine"
  fact host clock "$(date +%s.%N)"
  read -r uptime _ </proc/uptime && fact host uptime "$uptime"
  fact host uname "$(uname -snrm)"
  own_uid
  fact host uid "$uid"
  observe_identity
  [ ! -d /run/systemd/system ] || fact host systemd yes
  (. /etc/os-release && fact host os "$ID ${VERSION_ID:-}")
  for tool in curl wget bash setpriv flock base64 sha256sum systemctl find sed; do
    ! command -v "$tool" >/dev/null || fact host tool "$tool"
  done
  for loader in /lib/ld-* /lib64/ld-*; do [ ! -e "$loader" ] || fact host loader "$loader"; done
  room=$(stat -f -c '%a * %S / 1024' "$base" 2>/dev/null) && fact host free_kb "$(($room))"
  [ -z "${XDG_RUNTIME_DIR:-}" ] || observe_login
}

# Together they are one machine's alone: containers share the boot, cloned machines their id, and neither was begun in one moment.
observe_identity() {
  read -r init </proc/1/stat && init_began ${init##*) }
  read -r machine_id </etc/machine-id && fact host machine_id "$machine_id"
  read -r boot_id </proc/sys/kernel/random/boot_id && fact host boot_id "$boot_id"
}
# init_began FIELDS: of /proc/1/stat behind the name; the 22nd of all is when it began.
init_began() { shift 19 && fact host init "$1"; }

# Of a user whose own systemd runs the nodes: whether that outlives the last logout, and from which port on it may listen.
observe_login() {
  [ ! -e "/var/lib/systemd/linger/$(id -un)" ] || fact host lingers yes
  read -r first_port </proc/sys/net/ipv4/ip_unprivileged_port_start && fact host first_port "$first_port"
}

# Every listening TCP socket, and which process and unit hold it. Raw lines of /proc/net/tcp{,6}; read by the controller.
observe_ports() {
  say at "its listening ports"
  sockets=$(grep -hE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [ -n "$sockets" ] || return 0
  each_line host socket "$sockets"
  # Not as an argument, which has a limit: anybody may listen on thousands of ports.
  exec 5<<EOT
/fd:
$(printf '%s\n' "$sockets" | sed -E 's/^ *([^ ]+ +){9}([0-9]+) .*/socket:[\2]/')
EOT
  # Escaped (-b): anybody's process may have a file open whose name holds line breaks.
  ls -lb /proc/[0-9]*/fd 2>/dev/null | grep -F -f /proc/self/fd/5 | holders
  exec 5<&-
}
# Of `ls -l /proc/*/fd`: for each process that holds one of the sockets its name and control group, then its sockets.
holders() {
  holder=''
  while IFS= read -r line; do
    case $line in
      /proc/*/fd:)
        pid=${line#/proc/}
        pid=${pid%/fd:}
        ;;
      *' -> socket:['*)
        # A file may have such a name, too: then its path begins with a slash.
        held_by=${line#* -> }
        case $held_by in 'socket:['*) ;; *) continue ;; esac
        if [ "$holder" != "$pid" ]; then
          holder=$pid
          read -r comm 2>/dev/null <"/proc/$pid/comm" || comm='?'
          fact host process "$pid $comm"
          group_of "$pid"
        fi
        fact host holds "$pid ${held_by#socket:}"
        ;;
    esac
  done
}

group_of() {
  while IFS= read -r group; do
    case $group in *.service*) fact host group "$1 $group" && return ;; esac
  done 2>/dev/null <"/proc/$1/cgroup"
}

# observe_files SCOPE PATH…: of root's own files: one line a path that is there, and the checksums of the regular ones.
observe_files() {
  scope=$1
  shift
  each_line "$scope" stat "$(stat -c '%F|%a|%U:%G|%s|%i|%.9Y|%.9Z|%n' -- "$@" 2>/dev/null)"
  for path in "$@"; do
    shift
    # A link counts by where it points: what is behind it may be a binary, and has its stamp.
    if [ -L "$path" ]; then
      target=$(readlink "$path")
      fact "$scope" target "$path|$target"
      [ "$path" != "$node_link" ] || linked=$target
    elif [ -f "$path" ]; then
      set -- "$@" "$path"
    fi
  done
  [ $# = 0 ] || each_line "$scope" sum "$(sha256sum -- "$@" 2>/dev/null)"
}

# observe_binary SCOPE PATH SHA256: what is at PATH, hashed again only when it is not the file that was stamped.
observe_binary() {
  [ -f "$2" ] || return 0
  if binary_holds "$2" "$3"; then
    held=$2
    fact "$1" binary "$3 $2"
  else
    fact "$1" binary "$(sum_of "$2") $2"
  fi
}

# observe_unit SCOPE NAME BINARY SHA256
observe_unit() {
  unit_pid=0
  say at "the unit $2 (systemctl)"
  if [ -n "$node_unit_absent" ] && [ ! -e "$units/$2.service" ] && [ ! -L "$units/$2.service" ]; then
    unit_shows=LoadState=not-found${newline}ActiveState=inactive
  else
    unit_shows=$(systemctl show "$2.service" -p LoadState,ActiveState,SubState,MainPID,NRestarts,InvocationID,NeedDaemonReload,FragmentPath,DropInPaths,Result,ExecMainStatus,ExecMainStartTimestamp,ExecMainStartTimestampMonotonic)
  fi
  while IFS= read -r line; do
    fact "$1" unit "$line"
    case $line in MainPID=*) unit_pid=${line#*=} ;; esac
  done <<EOT
$unit_shows
EOT
  ! unit_is LoadState=not-found || drop_ins "$1" "$2"
  # What `show` says of it may be as old as the last reload.
  if is_linked "$2"; then
    fact "$1" unit UnitFileState=enabled
  elif [ -e "$units/$2.service" ] || [ -L "$units/$2.service" ] || ! unit_is LoadState=not-found; then
    fact "$1" unit "UnitFileState=$(systemctl is-enabled "$2.service" 2>/dev/null)"
  fi
  [ "${unit_pid:-0}" != 0 ] || return 0
  # The planned file, seen to hold what it should, is not hashed again; nor waited for, where it runs already.
  if ! runs "$unit_pid" "$3" && ! is_the_node "$unit_pid"; then
    fact "$1" exe "$exe"
    return 0
  fi
  if runs "$unit_pid" "$3"; then
    fact "$1" exe "$3"
    fact "$1" exe_sum "$4"
  else
    fact "$1" exe "$exe"
    fact "$1" exe_sum "$(exe_sum "$unit_pid")"
  fi
  printf '%s blob %s command %s\n' "$NONCE" "$1" "$(head -c 1048576 "/proc/$unit_pid/cmdline" | base64 -w0)"
}
# drop_ins SCOPE NAME: what others have set for a unit that is not there; systemctl does not know of it.
drop_ins() {
  manager=system
  [ -z "${XDG_RUNTIME_DIR:-}" ] || manager=user
  for from in "$units" "$units.control" "$transient" "/etc/systemd/$manager" "/run/systemd/$manager" \
    "/usr/local/lib/systemd/$manager" "/usr/lib/systemd/$manager" "/lib/systemd/$manager"; do
    for drop_in in "$from/$2.service.d"/*.conf; do
      [ ! -e "$drop_in" ] || fact "$1" unit "DropInPaths=$drop_in"
    done
  done
}
# exe_sum PID: of a program that somebody else may have put there; one of gigabytes is none.
exe_sum() { [ "$(stat -L -c %s "/proc/$1/exe")" -gt 4294967296 ] || sum_of "/proc/$1/exe"; }
# runs PID FILE: FILE, seen to hold what it should.
runs() { [ -n "$2" ] && [ "$held" = "$2" ] && [ "/proc/$1/exe" -ef "$2" ]; }
# is_the_node PID: a unit counts as started when systemd has forked; the fork then sets up what confines the node, and becomes
# the node a moment later, on a busy machine after seconds. Until then nobody knows what it will run. $exe is what it runs now.
is_the_node() {
  tries=40
  while exe=$(readlink "/proc/$1/exe"); do
    case $exe in
      */systemd/systemd | */systemd/systemd-executor) [ "$tries" -gt 0 ] || return 1 ;;
      *) break ;;
    esac
    tries=$((tries - 1))
    sleep 0.05
  done
  return 0
}
# is_linked NAME: the link that starts it at boot is there and nothing hides the unit; seen without asking systemctl, which
# takes longer than all files. Where it is not that plain, systemctl knows.
is_linked() {
  [ -f "$units/$1.service" ] && [ ! -L "$units/$1.service" ] && ! is_hidden "$1" || return 1
  for link in "$units"/*.wants/"$1.service"; do
    [ ! "$link" -ef "$units/$1.service" ] || return 0
  done
  return 1
}
# is_hidden NAME: by a link to nowhere, or another unit of its name. (A folder is systemd's own, of a unit that runs.)
is_hidden() {
  for hides in /run/systemd/*/"$1.service" "${XDG_RUNTIME_DIR:-/run}"/systemd/*/"$1.service"; do
    [ ! -f "$hides" ] && [ ! -L "$hides" ] || return 0
  done
  return 1
}
# systemd_version: $systemd_is is its number. Its own library is named after it, on most distributions; a process less.
systemd_version() {
  systemd_is=''
  for library in /usr/lib/systemd/libsystemd-shared-*.so /usr/lib/*/systemd/libsystemd-shared-*.so /lib/systemd/libsystemd-shared-*.so; do
    [ ! -e "$library" ] || systemd_is=${library##*-shared-}
  done
  [ -n "$systemd_is" ] || systemd_is=$(command systemctl --version | head -n 1 | cut -d ' ' -f 2)
  systemd_is=${systemd_is%%[!0-9]*}
}
# observe_node SCOPE: one node; its number, and in variables: node_user node_account node_wd node_unit node_state
# node_paths (relative to its folder, a line each) node_texts (of these, whose text is wanted) node_pristine
# node_unit_absent (systemd knew none of its name when this run began)
# node_id_file node_id_of node_key_file node_key_of (with a key file of which the other was printed) node_sign_file (may be
# empty) node_sign_key node_sign_round (`number` or `text`, where the release takes one alone) node_binary node_binary_name node_binary_sum.
observe_node() {
  held='' linked=''
  say at "the user $node_user"
  hand_home=''
  ! hand_is "$node_user" "$node_account" || fact "$1" user "$hand_is"
  home=${node_wd:-$hand_home}
  fact "$1" home "$home"
  fact "$1" state "$node_state"
  [ -n "${systemd_is:-}" ] || systemd_version
  [ -z "$systemd_is" ] || fact "$1" systemd "$systemd_is"
  node_link=$lib/bin/$node_unit.service/$node_binary_name
  observe_files "$1" "$node_state" "$node_state/started" "${node_link%/*}" "$node_link" "$units/$node_unit.service" "$node_state/initialised" "$node_state/restored" "$node_state/manifest.json"
  set -- "$1" "$node_state/manifest.json" "$units/$node_unit.service"
  for kept in $node_pristine; do set -- "$@" "$node_state/pristine/$kept"; done
  texts "$@"
  observe_others "$1"
  observe_removed "$1"
  ! read -r started 2>/dev/null <"$node_state/started" || fact "$1" started "$started"
  [ -z "$hand_user" ] || [ -z "$home" ] || observe_home "$1" "${node_state#"$lib/"}"
  say at "the binary of $node_unit"
  case $linked in
    "$node_binary") ;;
    "$lib"/bin/*/*) linked_sum=${linked%/*} && observe_binary "$1" "$linked" "${linked_sum##*/}" ;;
  esac
  [ -z "$node_binary" ] || observe_binary "$1" "$node_binary" "$node_binary_sum"
  observe_unit "$1" "$node_unit" "$node_binary" "$node_binary_sum"
}
# observe_others SCOPE: of a node that is not there by its name: what we have left of others, among which it may be by another
# one, of its cluster or its own.
observe_others() {
  set -- "$1" "$node_state/initialised"
  [ ! -e "$2" ] || return 0
  set -- "$1"
  for other in "$lib"/*/*/manifest.json; do
    [ "$other" = "$node_state/manifest.json" ] || [ $# -gt 64 ] || set -- "$@" "$other"
  done
  texts "$@"
}
# observe_service SCOPE UNIT ABSENT BINARY_NAME BINARY SHA256: a process of that node beside the chain's own program, in the
# words of observe_node. What is said of its unit alone has the scope SCOPE/UNIT.
observe_service() {
  held='' linked='' node_unit_absent=$3
  node_link=$lib/bin/$2.service/$4
  observe_files "$1" "$node_state/started.$2" "${node_link%/*}" "$node_link" "$units/$2.service"
  texts "$1" "$units/$2.service"
  ! read -r started 2>/dev/null <"$node_state/started.$2" || fact "$1/$2" started "$started"
  case $linked in
    "$5") ;;
    "$lib"/bin/*/*) linked_sum=${linked%/*} && observe_binary "$1" "$linked" "${linked_sum##*/}" ;;
  esac
  [ -z "$5" ] || observe_binary "$1" "$5" "$6"
  observe_unit "$1/$2" "$2" "$5" "$6"
}
# observe_home SCOPE CLUSTER/NODE: what the node's user sees in its folder, in one piece that nothing in it can end, and with
# a limit. Who is root has nothing to see in a folder that others can exchange.
observe_home() {
  say at "the files in $home"
  own_uid
  roots=''
  if [ "$uid" = 0 ]; then
    case $hand_is in
      '0 '*) roots_alone "$home" || { fact "$1" exchangeable "$home" && cd /; return; } ;;
    esac
    # Of a node that is there root looks at nothing: the way may be its account's, who can make it lead anywhere.
    [ -e "$node_state/initialised" ] || ! safe_place "$home" || [ -z "$safe_rest" ] || roots=yes
    cd /
    # A home on NFS or FUSE may be closed to root, and so to systemd, which has to bind it.
    sees=$home
    until [ -e "$sees" ]; do sees=${sees%/*} sees=${sees:-/}; done
    [ "$sees" = "$home" ] || fact "$1" sees "$sees"
  fi
  elsewhere=''
  for other in /var/lib/loomctl "$hand_home/.local/state/loomctl"; do
    [ "$other" = "$lib" ] || elsewhere=$elsewhere$other/$2$newline
  done
  printf '%s blob %s seen ' "$NONCE" "$1"
  glance 50331648 look "$home" "$roots" "$elsewhere" "$node_sign_file" "$node_sign_key $node_sign_round" "$node_id_file" "$node_id_of" \
    "$node_key_file" "$node_key_of" "$node_paths" "$node_texts" "$node_binary_name" | base64 -w0
  echo
}

# roots_alone FOLDER: whether nobody but root writes on the way to it, to it, or to the folders in it where a node's files are.
roots_alone() {
  safe_place "$1" || return 1
  [ -z "$safe_rest" ] || return 0
  cd -P "$safe" && is_roots && [ -z "$(find . -maxdepth 3 -type d \( ! -uid 0 -o -perm /022 \) -print -quit)" ]
}

# observe_names NAME…: those that this host does not know.
observe_names() {
  say at "the names of hosts (getent)"
  for name in "$@"; do
    timeout 20 getent ahosts "$name" >/dev/null 2>&1 || fact host unresolved "$name"
  done
}

# Binaries that were pulled from a URL before anyone knew their checksum: that one, and what the URL is called (`named`).
observe_pulled() {
  for pulled in "$lib"/bin/*/.url; do
    ! read -r pulled_is 2>/dev/null <"$pulled" || fact host pulled "$pulled_is"
  done
}

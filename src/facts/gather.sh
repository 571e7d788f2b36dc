# Facts: what a host says of itself. Lines: NONCE fact SCOPE KEY VALUE-to-the-end-of-the-line, and
# NONCE blob SCOPE KEY base64. SCOPE is `host` or the node's number in the request. Nothing here changes anything,
# and nothing here prints a private key.
fact() { printf '%s fact %s %s %s\n' "$NONCE" "$1" "$2" "$3"; }
blob() {
  [ -f "$3" ] && [ "$(stat -L -c %s "$3")" -le 4194304 ] || return 0
  printf '%s blob %s %s %s\n' "$NONCE" "$1" "$2" "$(base64 -w0 <"$3")"
}
# text SCOPE PATH: the path may hold spaces, so it goes encoded as well.
text() {
  [ -f "$2" ] && [ "$(stat -L -c %s "$2")" -le 4194304 ] || return 0
  printf '%s text %s %s %s\n' "$NONCE" "$1" "$(printf '%s' "$2" | base64 -w0)" "$(base64 -w0 <"$2")"
}
each_line() { while IFS= read -r line; do fact "$1" "$2" "$line"; done; }

observe_host() {
  fact host clock "$(date +%s.%N)"
  read -r uptime _ </proc/uptime && fact host uptime "$uptime"
  fact host uname "$(uname -snrm)"
  fact host uid "$(id -u)"
  read -r machine_id </etc/machine-id && fact host machine_id "$machine_id"
  read -r boot_id </proc/sys/kernel/random/boot_id && fact host boot_id "$boot_id"
  [ ! -d /run/systemd/system ] || fact host systemd yes
  (. /etc/os-release && fact host os "$ID ${VERSION_ID:-}")
  for tool in curl wget bash setpriv flock base64 sha256sum systemctl find sed; do
    ! command -v "$tool" >/dev/null || fact host tool "$tool"
  done
  fact host free_kb "$(df -k --output=avail /var/lib 2>/dev/null | tail -n 1 | tr -d ' ')"
}

# Every listening TCP socket, and which process and unit hold it. Raw lines of /proc/net/tcp{,6}; read by the controller.
observe_ports() {
  sockets=$(grep -hE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [ -n "$sockets" ] || return 0
  printf '%s\n' "$sockets" | each_line host socket
  inodes=$(printf '%s\n' "$sockets" | while read -r _ _ _ _ _ _ _ _ _ inode _; do echo "socket:[$inode]"; done)
  ls -l /proc/[0-9]*/fd 2>/dev/null | grep -F -e '/fd:' -e "$inodes" | holders
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
      *)
        if [ "$holder" != "$pid" ]; then
          holder=$pid
          read -r comm 2>/dev/null <"/proc/$pid/comm" || comm='?'
          fact host process "$pid $comm"
          grep -m1 '\.service' "/proc/$pid/cgroup" 2>/dev/null | while IFS= read -r group; do fact host group "$pid $group"; done
        fi
        fact host holds "$pid ${line##*socket:}"
        ;;
    esac
  done
}

# observe_user SCOPE USER
observe_user() {
  entry=$(getent passwd "$2") || return 1
  group=$(id -gn "$2")
  user_home=${entry%:*}
  user_home=${user_home##*:}
  fact "$1" user "$(id -u "$2") $group $user_home"
}

# observe_files SCOPE PATH…: one line a path that is there, and the checksums of the small regular ones.
observe_files() {
  scope=$1
  shift
  stat --printf '%F|%a|%U:%G|%s|%i|%.9Y|%.9Z|%n\n' -- "$@" 2>/dev/null | each_line "$scope" stat
  for path in "$@"; do
    shift
    # A link counts by where it points: what is behind it may be a binary, and has its stamp.
    if [ -L "$path" ]; then
      fact "$scope" target "$path|$(readlink "$path")"
    elif [ -f "$path" ]; then
      set -- "$@" "$path"
    fi
  done
  [ $# = 0 ] || sha256sum -- "$@" 2>/dev/null | each_line "$scope" sum
}

# observe_binary SCOPE PATH SHA256: what is at PATH, hashed again only when it is not the file that was stamped.
observe_binary() {
  [ -f "$2" ] || return 0
  if binary_holds "$2" "$3"; then fact "$1" binary "$3 $2"; else fact "$1" binary "$(sum_of "$2") $2"; fi
}

# observe_unit SCOPE NAME
observe_unit() {
  unit_shown=$(systemctl show "$2.service" -p LoadState,ActiveState,SubState,MainPID,NRestarts,InvocationID,NeedDaemonReload,FragmentPath,DropInPaths,Result,ExecMainStatus,ExecMainStartTimestamp,ExecMainStartTimestampMonotonic)
  printf '%s\n' "$unit_shown" | each_line "$1" unit
  # What `show` says of it may be as old as the last reload.
  fact "$1" unit "UnitFileState=$(systemctl is-enabled "$2.service" 2>/dev/null)"
  unit_pid=$(printf '%s\n' "$unit_shown" | sed -n 's/^MainPID=//p')
  [ "${unit_pid:-0}" != 0 ] || return 0
  fact "$1" exe "$(readlink "/proc/$unit_pid/exe")"
  blob_command "$1" "$unit_pid"
  fact "$1" exe_sum "$(exe_sum "$unit_pid" "$3" "$4")"
}
blob_command() { printf '%s blob %s command %s\n' "$NONCE" "$1" "$(base64 -w0 <"/proc/$2/cmdline")"; }
# The running binary's checksum; the planned file itself needs no second hashing.
exe_sum() {
  if [ -n "$2" ] && [ "$(stat -L -c %d:%i "/proc/$1/exe")" = "$(stat -L -c %d:%i "$2" 2>/dev/null)" ] && binary_holds "$2" "$3"; then
    echo "$3"
  else
    sum_of "/proc/$1/exe"
  fi
}

# Public parts of key files. The key itself goes through a pipe on the host at the most, never out of it.
json_flat() { tr -d ' \n\r\t' <"$1"; }
# read_node_id FILE (ed25519): hex(sha256(the last 32 of the key's 64 bytes)[:20])
read_node_id() {
  json_flat "$1" | sed -n 's/^.*"priv_key":{[^}]*"value":"\([A-Za-z0-9+/=]*\)".*$/\1/p' | base64 -d 2>/dev/null |
    { bytes=$(tail -c 32 | sha256sum | cut -c1-40) && echo "$bytes"; }
}
# read_validator_key FILE: `TYPE VALUE` of the member pub_key
read_validator_key() {
  json_flat "$1" | sed -n 's/^.*"pub_key":{"type":"\([^"]*\)","value":"\([^"]*\)"}.*$/\1 \2/p'
}
# read_number FILE KEY
read_number() { json_flat "$1" | sed -n "s/^.*\"$2\":\"\{0,1\}\([0-9]*\)\"\{0,1\}[,}].*\$/\1/p"; }

# observe_node SCOPE: one node; its number, and in variables: node_user node_wd node_unit node_unit_path node_state
# node_paths (relative to its folder, a line each) node_texts (of these, whose text is wanted) node_pristine
# node_id_file node_key_file node_sign_file node_sign_key node_binary node_binary_name node_binary_sum.
observe_node() {
  user_home=''
  observe_user "$1" "$node_user"
  home=${node_wd:-$user_home}
  fact "$1" home "$home"
  set -- "$1" "$home" "$home/.loomctl-init" "$home/.loomctl-init/.complete" "$node_state" "$node_state/started" "$home/$node_binary_name" "$node_unit_path" "$node_state/initialised" "$node_state/manifest.json"
  while IFS= read -r path; do [ -z "$path" ] || set -- "$@" "$home/$path"; done <<EOT
$node_paths
EOT
  observe_files "$@"
  while IFS= read -r path; do [ -z "$path" ] || text "$1" "$home/$path"; done <<EOT
$node_texts
EOT
  text "$1" "$node_unit_path"
  for kept in $node_pristine; do blob "$1" "pristine:$kept" "$node_state/pristine/$kept"; done
  ! read -r started 2>/dev/null <"$node_state/started" || fact "$1" started "$started"
  blob "$1" manifest "$node_state/manifest.json"
  [ ! -s "$home/$node_id_file" ] || fact "$1" node_id "$(read_node_id "$home/$node_id_file")"
  [ ! -s "$home/$node_key_file" ] || fact "$1" validator_key "$(read_validator_key "$home/$node_key_file")"
  [ ! -s "$home/$node_sign_file" ] || fact "$1" signed_height "$(read_number "$home/$node_sign_file" "$node_sign_key")"
  linked=$(readlink "$home/$node_binary_name" 2>/dev/null)
  case $linked in
    "$node_binary") ;;
    "$lib"/bin/*/*) linked_sum=${linked%/*} && observe_binary "$1" "$linked" "${linked_sum##*/}" ;;
  esac
  [ -z "$node_binary" ] || observe_binary "$1" "$node_binary" "$node_binary_sum"
  observe_unit "$1" "$node_unit" "$node_binary" "$node_binary_sum"
}

# Binaries that were pulled from a URL before anyone knew their checksum.
observe_pulled() {
  for pulled in "$lib"/bin/*/.url; do
    [ ! -f "$pulled" ] || each_line host pulled <"$pulled"
  done
}

# What every script of ours begins with. The whole script is the body of one function (see script.rs), so that a
# half-received one does nothing. $NONCE and $HEARTBEAT (seconds) are set by the controller.
umask 022
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
exec 3<&0 0</dev/null # children never read the life line
trap '' PIPE          # without this the first echo after a lost connection ends us before our clean-up
me=$$ stop=0 changes='' watcher=''
newline='
'
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
# From here on stdin is the life line: its end, or silence for $HEARTBEAT seconds, turns into TERM.
watch() {
  (
    exec >/dev/null 2>&1
    while beat=$(timeout "$HEARTBEAT" head -n 1 <&3) && [ -n "$beat" ]; do :; done
    kill -TERM "$me"
  ) &
  watcher=$!
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
owner_mode() { stat -c '%U:%G %a' "$1" 2>/dev/null; }
sum_of() { summed=$(sha256sum <"$1" 2>/dev/null) && echo "${summed%% *}"; }
# As the node's own user, with nothing of our environment, in FOLDER: as_user USER GROUP HOME FOLDER COMMAND…
as_user() {
  as_user=$1 as_group=$2 as_home=$3 as_folder=$4
  shift 4
  set -- env -i HOME="$as_home" USER="$as_user" LOGNAME="$as_user" PATH="$PATH" LC_ALL=C \
    sh -c 'cd "$0" && exec "$@"' "$as_folder" "$@"
  own_uid
  if [ "$uid" = 0 ]; then
    setpriv --reuid="$as_user" --regid="$as_group" --init-groups -- "$@"
  else
    "$@"
  fi
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

# step_dir PATH OWNER:GROUP MODE MODE_TOO: MODE counts for a new folder, for one that is there only if MODE_TOO is 1.
step_dir() {
  if [ -d "$1" ]; then
    dir_is=$(stat -L -c '%U:%G %a' "$1") || return 1
    dir_wanted="$2 $3"
    [ "$4" = 1 ] || dir_wanted="$2 ${dir_is##* }"
    [ "$dir_is" != "$dir_wanted" ] || return 0
    chown "$2" "$1" && chmod "${dir_wanted##* }" "$1" || return 1
  else
    install -d -m "$3" -o "${2%:*}" -g "${2#*:}" "$1" || return 1
  fi
  return 10
}

# put PATH OWNER:GROUP MODE: standard input becomes PATH: written beside it, synced, renamed. Made with its mode, so that
# nobody reads a key in between, and new (excl), so that no link leads elsewhere in a folder that belongs to others. What
# has no x-bits is what umask leaves of 666, digit by digit.
put() {
  put_new="${1%/*}/.${1##*/}.loomctl-new"
  case $3 in
    [0246][0246][0246]) put_mask=0$((666 - $3)) put_bits='' ;;
    *) put_mask=077 put_bits=$3 ;;
  esac
  gone "$put_new" || return 1
  umask "$put_mask"
  dd of="$put_new" bs=64k conv=excl,fsync status=none
  put_made=$?
  umask 022
  [ "$put_made" = 0 ] && own "$2" "$put_new" &&
    { [ -z "$put_bits" ] || chmod "$put_bits" "$put_new"; } && mv -fT "$put_new" "$1" && return 0
  rm -f "$put_new"
  return 1
}
# Both without a process where nothing is to be done: own OWNER:GROUP PATH, gone PATH.
own() { [ "$1" = "$root_owner" ] && [ -O "$2" ] && [ -G "$2" ] || chown -h "$1" "$2"; }
gone() { [ ! -e "$1" ] && [ ! -L "$1" ] || rm -rf "$1"; }

# step_file PATH OWNER:GROUP MODE SHA256 CONTENT
step_file() {
  if [ -f "$1" ] && [ ! -L "$1" ] && [ "$(sum_of "$1")" = "$4" ]; then
    [ "$(owner_mode "$1")" != "$2 $3" ] || return 0
    chown "$2" "$1" && chmod "$3" "$1" || return 1
    return 10
  fi
  [ ! -d "$1" ] || [ -L "$1" ] || { echo "$1 is a folder"; return 1; }
  [ -d "${1%/*}" ] || mkdir -p "${1%/*}" || return 1
  printf '%s' "$5" | put "$1" "$2" "$3" || return 1
  return 10
}

# step_link PATH TARGET
step_link() {
  [ ! -L "$1" ] || [ "$(readlink "$1")" != "$2" ] || return 0
  [ ! -d "$1" ] || [ -L "$1" ] || { echo "$1 is a folder"; return 1; }
  gone "$1.loomctl-new" && ln -s "$2" "$1.loomctl-new" && mv -fT "$1.loomctl-new" "$1" || return 1
  return 10
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
# checksum of its URL. The file is made anew: an older one of ours held the URL itself.
came_from() {
  named "$2"
  gone "$lib/bin/$1/.url" || return 1
  umask 077
  printf '%s %s\n' "$1" "$named" >"$lib/bin/$1/.url"
  came=$?
  umask 022
  [ "$came" = 0 ] && return 10
}

# step_init HOME USER GROUP USERHOME STATE DOCUMENTS MAKES COMMAND…
# Runs once, in a staging folder on HOME's own file system. DOCUMENTS ("name path" a line) are kept, pristine, under
# STATE; MAKES (a path a line) must be there afterwards. The order makes each interruption harmless: without
# .complete staging is thrown away, with it the files go on to their places, and the marker comes last.
# Where `keys restore` has been (STATE/restored, a path a line), its keys and its documents stay, and what this init
# has made for another key is not put into its place: the chain has its documents already.
step_init() {
  init_home=$1 init_user=$2 init_group=$3 init_user_home=$4 init_state=$5 init_docs=$6 init_makes=$7
  shift 7
  [ ! -e "$init_state/initialised" ] || return 0
  staging="$init_home/.loomctl-init"
  if [ ! -e "$staging/.complete" ]; then
    gone "$staging" && mkdir -m 700 "$staging" && init_pre || return 1
    chown -R "$init_user:$init_group" "$staging" || return 1
    init_run "$@" || { echo "the chain's init ended with status $?"; return 1; }
    while IFS= read -r made; do
      [ -s "$staging/$made" ] || [ -d "$staging/$made" ] || { echo "init has not made $made"; return 1; }
    done <<EOT || return 1
$init_makes
EOT
    find "$staging" -type f -exec sync {} + && : >"$staging/.complete" && sync "$staging/.complete" "$staging" || return 1
  fi
  mkdir -p "$init_state/pristine" || return 1
  while IFS=' ' read -r doc_name doc_path; do
    [ -e "$staging/$doc_path" ] || continue
    [ -e "$init_state/restored" ] && [ -e "$init_state/pristine/$doc_name" ] ||
      put "$init_state/pristine/$doc_name" "$root_owner" 644 <"$staging/$doc_path" || return 1
    [ ! -e "$init_state/restored" ] || rm -f "$staging/$doc_path" || return 1
  done <<EOT || return 1
$init_docs
EOT
  if [ -e "$init_state/restored" ]; then
    while IFS= read -r restored; do
      [ -s "$init_home/$restored" ] || { echo "$init_home/$restored was restored, and is gone"; return 1; }
      rm -f "$staging/$restored" || return 1
    done <"$init_state/restored" || return 1
  fi
  init_place "$staging" "$init_home" && sync "$init_home" || return 1
  date -u +%Y-%m-%dT%H:%M:%SZ | put "$init_state/initialised" "$root_owner" 644 || return 1
  rm -rf "$staging" "$init_state/restored"
  return 10
}
# The command; of what it prints a file with the checksum of its key in front, where the profile wants that, and what it has
# made for nobody goes.
init_run() {
  if [ -z "$init_prints" ]; then
    as_user "$init_user" "$init_group" "$init_user_home" "$staging" "$@" || return
  else
    init_said=$(as_user "$init_user" "$init_group" "$init_user_home" "$staging" "$@") || return
    printf '%s\n%s\n' "$(sum_of "$staging/$init_prints_of")" "$init_said" >"$staging/$init_prints" &&
      chown "$init_user:$init_group" "$staging/$init_prints" && chmod 600 "$staging/$init_prints" || return
  fi
  while IFS= read -r dropped; do
    [ -z "$dropped" ] || rm -rf "$staging/$dropped" || return
  done <<EOT
$init_drops
EOT
}
# step_tool HOME USER GROUP STATE NAME FROM LINKS GIVES LEAVES
# A step of the chain's own genesis tool, in a staging folder beside init's, which is its $HOME as well. LINKS (a path a
# line) are the node's files that it reads, tool_pre puts what else it works with, tool_run is what it does. GIVES is kept
# under STATE as NAME; LEAVES go to their places in HOME, which is done once: a key is never made again. Without .complete
# staging is thrown away. The last word is NAME.from, with FROM, the checksum of all that the result follows from.
step_tool() {
  tool_home=$1 tool_user=$2 tool_group=$3 tool_kept=$4/pristine/$5 tool_from=$6 tool_links=$7 tool_gives=$8 tool_leaves=$9
  staging="$tool_home/.loomctl-tool"
  if [ -e "$tool_kept" ] && [ -e "$tool_kept.from" ]; then
    [ -z "$tool_leaves" ] && [ "$(cat "$tool_kept.from")" != "$tool_from" ] || return 0
  fi
  if [ -z "$tool_leaves" ] || [ ! -e "$tool_kept" ]; then
    if [ -z "$tool_leaves" ] || [ ! -e "$staging/.complete" ]; then
      tool_work || return 1
    fi
    mkdir -p "${tool_kept%/*}" && put "$tool_kept" "$root_owner" 644 <"$staging/$tool_gives" || return 1
  fi
  tool_place || return 1
  rm -rf "$staging" && printf '%s\n' "$tool_from" | put "$tool_kept.from" "$root_owner" 644 || return 1
  return 10
}
tool_work() {
  rm -rf "$staging" && mkdir -m 700 "$staging" || return 1
  while IFS= read -r link; do
    [ -n "$link" ] || continue
    [ -e "$tool_home/$link" ] || { echo "$tool_home/$link is missing"; return 1; }
    case $link in */*) mkdir -p "$staging/${link%/*}" || return 1 ;; esac
    ln -s "$tool_home/$link" "$staging/$link" || return 1
  done <<EOT || return 1
$tool_links
EOT
  tool_pre && chown -Rh "$tool_user:$tool_group" "$staging" && tool_run || return 1
  [ -s "$staging/$tool_gives" ] || { echo "the tool has not made $tool_gives"; return 1; }
  find "$staging" -type f -exec sync {} + && : >"$staging/.complete" && sync "$staging/.complete" "$staging"
}
tool_does() { as_user "$tool_user" "$tool_group" "$staging" "$staging" "$@"; }
# tool_place: what is not in staging any more has gone to its place before.
tool_place() {
  while IFS= read -r left; do
    [ -n "$left" ] && [ -e "$staging/$left" ] || continue
    [ ! -e "$tool_home/$left" ] || { echo "$tool_home/$left is there already"; return 1; }
    mv -nT "$staging/$left" "$tool_home/$left" || return 1
  done <<EOT || return 1
$tool_leaves
EOT
  [ -z "$tool_leaves" ] || sync "$tool_home"
}
# step_adopt HOME STATE FILES: what is there is kept ("name path" a line), then the marker says that it is ours.
step_adopt() {
  [ ! -e "$2/initialised" ] || return 0
  mkdir -p "$2/pristine" || return 1
  while IFS=' ' read -r doc_name doc_path; do
    [ -f "$1/$doc_path" ] || continue
    put "$2/pristine/$doc_name" "$root_owner" 644 <"$1/$doc_path" || return 1
  done <<EOT || return 1
$3
EOT
  date -u '+%Y-%m-%dT%H:%M:%SZ adopted' | put "$2/initialised" "$root_owner" 644 || return 1
  return 10
}
# init_place FROM TO: everything is renamed, a folder that is not there as a whole; what a run before moved already is gone
# from FROM.
init_place() {
  for placed in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$placed" ] || [ -L "$placed" ] || continue
    [ "$placed" != "$staging/.complete" ] || continue
    place=$2/${placed##*/}
    if [ -d "$placed" ] && [ ! -L "$placed" ] && [ -d "$place" ]; then
      init_place "$placed" "$place" || return 1
    elif [ -e "$place" ] || [ -L "$place" ]; then
      echo "$place is there already"
      return 1
    else
      mv -nT "$placed" "$place" || return 1
    fi
  done
}

# unit_is PROPERTY=VALUE, in what `systemctl show` has said, which is in $unit_shows.
unit_is() { case $newline$unit_shows$newline in *"$newline$1$newline"*) return 0 ;; *) return 1 ;; esac; }
# step_unit NAME WANTED STATE SUM: WANTED is start, restart or leave. What was started is written down in STATE: the
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
  printf '%s %s\n' "$(invocation_of "$1")" "$4" | put "$3/started" "$root_owner" 644 || return 1
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
step_gone() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  rm -rf -- "$1" || return 1
  return 10
}
# step_empty_gone PATH: a folder of ours that others may have put something into.
step_empty_gone() {
  [ -d "$1" ] || return 0
  rmdir -- "$1" 2>/dev/null || return 0
  return 10
}

# step_unused PATH: a cached binary and its folder, unless a manifest on this host still names its checksum.
step_unused() {
  unused=${1%/*}
  [ -d "$unused" ] || return 0
  ! grep -qsF "${unused##*/}" "$lib"/*/*/manifest.json || return 0
  rm -rf -- "$unused" || return 1
  return 10
}
step_reload() { systemctl daemon-reload && return 10; }

# step_unsigned FILE: the sign state goes back to zero, in place; a key in the same file stays and is not looked at.
step_unsigned() {
  [ -f "$1" ] || return 0
  unsigned_owner=$(owner_mode "$1")
  unsigned_re='"(last_)?(height|round|step)"([[:space:]]*:[[:space:]]*"?)[0-9]+'
  grep -zoE "$unsigned_re" "$1" | tr '\0' '\n' | grep -qE '[1-9][0-9]*$' || return 0
  # Through a pipe inside the host: the file may hold the private key (Tendermint before 0.28, loom).
  sed -zE "s/$unsigned_re/\"\1\2\"\30/g; s/,[[:space:]]*\"(last_)?sign(ature|bytes)\"[[:space:]]*:[[:space:]]*\"[^\"]*\"//g" "$1" |
    put "$1" "${unsigned_owner% *}" "${unsigned_owner#* }" || return 1
  return 10
}

# step_manifest PATH HEAD ENTRIES TAIL: ENTRIES are lines "json-begin<TAB>path"; the file's inode, size and times
# are filled in here, where they are known.
step_manifest() {
  manifest_path=$1 manifest_head=$2 manifest_entries=$3 manifest_tail=$4
  set --
  while IFS='	' read -r _ entry_path; do set -- "$@" "$entry_path"; done <<EOT
$manifest_entries
EOT
  manifest_stats=$newline$(stat --printf '%n	,"inode":%i,"size":%s,"mtime":"%.9Y","ctime":"%.9Z"\n' -- "$@" 2>/dev/null)$newline
  manifest_new=$manifest_head$newline comma=''
  while IFS='	' read -r entry_json entry_path; do
    [ -n "$entry_path" ] || continue
    entry_stat=${manifest_stats#*"$newline$entry_path	"}
    [ "$entry_stat" != "$manifest_stats" ] || entry_stat='' # not there
    manifest_new=$manifest_new$comma$entry_json${entry_stat%%"$newline"*}}
    comma=,$newline
  done <<EOT
$manifest_entries
EOT
  manifest_new=$manifest_new$newline$manifest_tail
  [ ! -e "$manifest_path" ] || [ "$(cat "$manifest_path")" != "$manifest_new" ] || return 0
  [ -d "${manifest_path%/*}" ] || mkdir -p "${manifest_path%/*}" || return 1
  printf '%s\n' "$manifest_new" | put "$manifest_path" "$root_owner" 644 || return 1
  return 10
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
  # A failed redirection would end the shell without a word.
  [ -d "$run" ] || mkdir -p "$run"
  [ -w "$run" ] || finish 1
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
  exec 7>>"$run/$1.work.lock" || finish 1
  take_lock "$1.work" "$2" "$3" 7
}
# still_mine CLUSTER WHO: a run that slept (a suspended laptop) has lost its lock, and another may have worked here since.
still_mine() {
  flock -n 6 6>>"$run/$1.lock" || {
    IFS= read -r held_by <"$run/$1.lock"
    case $held_by in "$2, since "*) return ;; esac
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

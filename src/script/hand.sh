# The hand: what is done below a node's folder, as the node's user and without new privileges (`in_hand` in runtime.sh). What
# the steps of a script need stands before this (steps/*.hand.sh).
# Whoever has that account can change everything here at any moment: for root what comes back is somebody's word, by a
# pipe and with a limit. Nothing of root's script is known here but what stands in the arguments and on standard input.
cd /

# look HOME ROOTS ELSEWHERE SIGN_FILE "SIGN_KEY SIGN_ROUND" ID_FILE ID_OF KEY_FILE KEY_OF PATHS TEXTS LINK: what there is to see of a
# node. ROOTS: root may make the folder. ELSEWHERE: our folders of the same node, of other systemds, a line each. PATHS and
# TEXTS are relative to HOME, a line each.
# Records end with NUL: `KEY VALUE`, or a line of sha256sum; after `texts` comes what `head -v` writes of the files that
# `text` has named. The last word is `whole`, or somebody has cut it off.
look() {
  home=$1 roots=$2 elsewhere=$3 sign_file=$4 sign_key=$5 id_file=$6 id_of=$7 key_file=$8 key_of=$9
  shift 9
  paths=$1 texts=$2
  set -- "$home" "$home/.loomctl-init" "$home/.loomctl-init/.complete" "$home/$3"
  while IFS= read -r path; do [ -z "$path" ] || set -- "$@" "$home/$path"; done <<EOT
$paths
EOT
  look_files "$@"
  while IFS= read -r other; do
    [ -z "$other" ] || [ ! -e "$other/manifest.json" ] || printf 'elsewhere %s\0' "$other"
  done <<EOT
$elsewhere
EOT
  [ -e "$home" ] || look_up "$home" "$roots"
  look_key node_id "$id_file" "$id_of" read_node_id
  look_key validator_key "$key_file" "$key_of" read_validator_key
  [ -z "$sign_file" ] || [ ! -s "$home/$sign_file" ] || printf 'signed_height %s\0' "$(read_sign_state "$home/$sign_file" $sign_key)"
  look_texts
}
# One record a path that is there; where links point; the checksums of regular files, as far as they have a size that
# documents and databases of keys have: what is larger is sparse, or nothing that a plan compares.
look_files() {
  seen=$(stat --printf '%F|%a|%U:%G|%s|%i|%.9Y|%.9Z|%n\n' -- "$@" 2>/dev/null)
  room=1073741824
  set --
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    printf 'stat %s\0' "$line"
    rest=${line#*|*|*|}
    path=${rest#*|*|*|*|}
    case $line in
      # A link counts by where it points: what is behind it may be a binary, and has its stamp.
      'symbolic link|'*) printf 'target %s|%s\0' "$path" "$(readlink "$path")" ;;
      'regular '*)
        [ "${rest%%|*}" -gt "$room" ] || { room=$((room - ${rest%%|*})) && set -- "$@" "$path"; }
        ;;
    esac
  done <<EOT
$seen
EOT
  [ $# = 0 ] || sha256sum -z -- "$@" 2>/dev/null
}
# look_up HOME ROOTS: HOME is not there: the last folder on the way to it that is, and whether we may make it in there.
look_up() {
  up=$1
  until [ -e "$up" ]; do up=${up%/*} up=${up:-/}; done
  printf 'there %s\0' "$up"
  [ -n "$2" ] || [ -w "$up" ] || printf 'closed %s\0' "$up"
}
look_texts() {
  set --
  while IFS= read -r path; do
    [ -z "$path" ] || [ ! -f "$home/$path" ] || { printf 'text %s\0' "$home/$path" && set -- "$@" "$home/$path"; }
  done <<EOT
$texts
EOT
  # One byte more of each than a text that we want may have (texts.rs).
  [ $# = 0 ] || { printf 'texts\0' && head -v -c "$((largest_text + 1))" -- "$@" 2>/dev/null; }
  printf '\0whole\0'
}

# Public parts of key files. The key itself goes through a pipe on the host at the most, never out of it.
# key_text FILE: a key file is small; what is not, is none.
key_text() { head -c 1048576 -- "$1"; }
# json_of FILE: $json is what it holds, without white space.
json_of() {
  json=$(key_text "$1")
  set -f
  set -- $json
  IFS=''
  json="$*"
  unset IFS
  set +f
}
# json_value OBJECT NAME: $value is the text or the number of $json that is called NAME, in OBJECT, which has no objects in it;
# anywhere, where OBJECT is empty. Without a process; each word is looked at once.
json_value() {
  value='' before='' last='' within=''
  [ -n "$1" ] || within=in:
  set -f
  IFS='"'
  for word in $json; do
    case $within$before$last in
      "$1:{") within=in: ;;
      "in:$2:") value=$word && break ;;
    esac
    case $within$last$word in "in:$2:"[0-9]*) value=${word#:} value=${value%%[,\}]*} && break ;; esac
    [ -z "$1" ] || case $word in *\}*) within='' ;; esac
    before=$last last=$word
  done
  unset IFS
  set +f
}
# read_node_id FILE (ed25519): hex(sha256(the last 32 of the key's 64 bytes)[:20])
read_node_id() {
  json_of "$1"
  json_value priv_key value
  [ -n "$value" ] || return 0
  node_id=$(printf '%s' "$value" | base64 -d 2>/dev/null | tail -c 32 | sha256sum)
  case $node_id in e3b0c44298fc1c14*) ;; *) printf '%.40s' "$node_id" ;; esac # not that of nothing at all
}
# read_validator_key FILE: `TYPE VALUE` of the member pub_key
read_validator_key() {
  json_of "$1"
  json_value pub_key type
  key_type=$value
  json_value pub_key value
  [ -z "$key_type" ] || [ -z "$value" ] || printf '%s %s' "$key_type" "$value"
}
# read_printed PRINTED KEY: the public key that was printed of this key file, if the file is still that one.
read_printed() {
  key_text "$1" | { read -r printed_of && [ "$printed_of" = "$(key_text "$2" | sum_of /dev/stdin)" ] || return 0
    sed -n -E 's/^(.*[^0-9a-f])?([0-9a-f]{128})([^0-9a-f].*)?$/\2/p' | head -n 1
  }
}
# read_sign_state FILE HEIGHT [number|text]: its height, if the file is whole, with height, round and step as the node reads them: a
# height in quotes, a step without, a round as this release has it. Of any other file nothing: a node that cannot read it does not start.
read_sign_state() {
  json_of "$1"
  case $json in \{*\}) ;; *) return 0 ;; esac
  # Cut short, it lacks an end: the last brace counts as no word of its own.
  set -f
  IFS='{'
  set -- "$2" "${3-}" $json
  opened=$(($# - 3))
  IFS='}'
  set -- "$1" "$2" $json
  unset IFS
  set +f
  [ "$opened" = "$(($# - 2))" ] || return 0
  of=${1%height}
  case $2 in
    number) round="\"${of}round\":[0-9]" ;;
    text) round="\"${of}round\":\"[0-9]" ;;
    *) round="\"${of}round\":*[0-9]" ;;
  esac
  case $json in *$round*) ;; *) return 0 ;; esac
  case $json in *"\"${of}step\":"[0-9]*) ;; *) return 0 ;; esac
  case $json in *"\"$1\":\""[0-9]*) ;; *) return 0 ;; esac
  json_value '' "$1"
  case $value in *[!0-9]*) ;; *) printf '%s' "$value" ;; esac
}
# look_key WHAT FILE OF READER: of the key file itself, or of what was printed of OF.
look_key() {
  [ -s "$home/$2" ] || return 0
  if [ -z "$3" ]; then
    printf '%s %s\0' "$1" "$("$4" "$home/$2")"
  elif [ -s "$home/$3" ]; then
    printf '%s secp256k1 %s\0' "$1" "$(read_printed "$home/$2" "$home/$3")"
  fi
}
# key_file PATH: `MODE OWNER`, and on the next line the file, for a backup.
key_file() {
  [ -s "$1" ] || return 0
  stat -L -c '%04a %U:%G' "$1" && key_text "$1" | base64 -w0
}

# room_of FOLDER: free blocks, their size, and the mount's options, of it or of where it will be made.
room_of() {
  room_of=$1
  while [ ! -d "$room_of" ]; do room_of=${room_of%/*} room_of=${room_of:-/}; done
  echo "$(stat -f -c '%a %S' "$room_of") $(findmnt -nro OPTIONS -T "$room_of")"
}

root_owner=$1
shift
"$@"

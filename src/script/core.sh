# What root's script and the hand of a node's user (hand.sh) have in common. $root_owner is who makes what these make:
# `user:group` of whoever runs this.
umask 022
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
ulimit -c 0 # no key in a core file
newline='
'
# Bytes of a document that is brought or kept at the most (LARGEST_TEXT).
largest_text=4194304

sum_of() { summed=$(sha256sum <"$1" 2>/dev/null) && echo "${summed%% *}"; }
# Both without a process where nothing is to be done: own OWNER:GROUP PATH, gone PATH.
own() { [ "$1" = "$root_owner" ] && [ -O "$2" ] && [ -G "$2" ] || chown -h "$1" "$2"; }
gone() { [ ! -e "$1" ] && [ ! -L "$1" ] || rm -rf -- "$1" 2>/dev/null || gone_closed "$1"; }
# gone_closed PATH: what is in a folder that its owner has closed to itself cannot be removed before it is opened.
gone_closed() {
  [ ! -d "$1" ] || [ -L "$1" ] || find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \; 2>/dev/null
  rm -rf -- "$1"
}

# put PATH OWNER:GROUP MODE: standard input becomes PATH: written beside it, synced, renamed. Made with its mode, so that
# nobody reads a key in between, and new (excl), so that no link leads elsewhere. What has no x-bits is what umask leaves
# of 666, digit by digit.
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

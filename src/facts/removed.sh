# observe_removed SCOPE: the tombstones of this host, of every cluster that was ever here, a line each; read once a script. What
# cannot be read whole is said to be so: the one that is missing may be the one that counts.
observe_removed() {
  if [ -z "${removed_is:-}" ]; then
    removed_is=none removed_scope=$1
    set -- "$lib"/*/.removed/*.json
    if [ $# -gt 1000 ]; then
      removed_is="there are $#, 1000 at most"
    elif [ -e "$1" ] || [ -L "$1" ]; then
      # One byte more than one may have: it is seen to be too long.
      removed_is="they cannot be read"
      removed_text=$(head -q -c 4097 -- "$@" 2>/dev/null) && removed_is=read
      removed_text=$(printf '%s' "$removed_text" | base64 -w0)
    fi
    set -- "$removed_scope"
  fi
  case $removed_is in
    none) ;;
    read) printf '%s blob %s removed %s\n' "$NONCE" "$1" "$removed_text" ;;
    *) fact "$1" removed_error "$removed_is" ;;
  esac
}

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

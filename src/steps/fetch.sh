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

# unsigned_is FILE PREFIX (of the names: letters, digits, _): the sign state goes back to zero, in place; a key in the same file stays and is not looked at.
unsigned_is() {
  [ -f "$1" ] || return 0
  unsigned_mode=$(stat -L -c %04a "$1") || return 1
  [ "$(stat -L -c %s "$1")" -le 1048576 ] || { echo "$1 is larger than a sign state can be"; return 1; }
  unsigned_re="\"($2(height|round|step))\"([[:space:]]*:[[:space:]]*\"?)[0-9]+"
  key_text "$1" | grep -zoE "$unsigned_re" | tr '\0' '\n' | grep -qE '[1-9][0-9]*$' || return 0
  # Through a pipe inside the host: the file may hold the private key (Tendermint before 0.28, loom).
  key_text "$1" |
    sed -zE "s/$unsigned_re/\"\1\"\30/g; s/,[[:space:]]*\"$2sign(ature|bytes)\"[[:space:]]*:[[:space:]]*\"[^\"]*\"//g" |
    put "$1" "$root_owner" "${unsigned_mode#?}" || return 1
  return 10
}

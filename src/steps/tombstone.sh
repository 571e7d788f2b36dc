# step_tombstone PATH OWNER:GROUP MODE SIZE SHA256 TEXT: in a folder of root's own.
step_tombstone() { printf '%s' "$6" | file_is "$1" "$2" "$3" "$4" "$5"; }

# step_unsigned FILE PREFIX
step_unsigned() { hand_does unsigned_is "$1" "$2"; }

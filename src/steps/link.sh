# step_link PATH TARGET
step_link() { if is_ours "$1"; then link_is "$1" "$2"; else hand_does link_is "$1" "$2"; fi; }

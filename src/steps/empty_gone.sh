# step_empty_gone PATH
step_empty_gone() { if is_ours "$1"; then empty_gone_is "$1"; else hand_does empty_gone_is "$1"; fi; }

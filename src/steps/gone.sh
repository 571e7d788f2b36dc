# step_gone PATH
step_gone() { if is_ours "$1"; then gone_is "$1"; else hand_does gone_is "$1"; fi; }

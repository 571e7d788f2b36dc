step_reload() { systemctl daemon-reload && return 10; }

# stats_of PATH…: `path<TAB>inode size mtime ctime` a line, of those that are there.
stats_of() { stat --printf '%n	%i %s %.9Y %.9Z\n' -- "$@" 2>/dev/null; }

# A command of the operator's (`loomctl exec`): its arguments as they are, its output in pieces up to a limit, its exit status; and
# its end where the life line is cut before. It runs in a session of its own, which tells its processes from ours, with signals
# as a login has them, nothing to read, and none of our descriptors.

# What starts it. A name that is not there gets plain words; a shell's builtins are no programs.
exec_start='command -v "$1" >/dev/null 2>&1 || { printf "%s: command not found\n" "$1" >&2; exit 127; }; exec "$@"'

# run MOST ARG…: MOST bytes are kept of each stream, the rest is counted. Descriptor 8 leads to what keeps stderr, 9 to our own stdout.
run() {
  run_most=$1
  shift
  end_by_life_line
  exec 9>&1
  {
    run_command "$@" 2>/dev/null | keep stdout >&9 8>&-
  } 8>&1 | keep stderr
  # What ends the command has to see it gone before we say so.
  [ "$stop" = 0 ] || wait "$watcher"
  finish 0
}
run_command() {
  (
    trap - PIPE TERM HUP INT
    cd "${HOME:-/}" 2>/dev/null
    exec setsid sh -c "$exec_start" sh "$@"
  ) 2>&8 3<&- 8>&- 9>&-
  say fact exec status "$?" >&9
}
# keep STREAM: in lines that two writers do not mix up. `cat` has no buffer of its own to lose where it is ended.
keep() {
  cat 3<&- 9>&- | {
    head -c "$run_most" | base64 -w 3000 | sed -u -f /dev/fd/5 5<<EOT
s/^/$NONCE blob exec $1 /
EOT
    say fact exec "$1" "$(wc -c)"
  }
}

# In place of `watch`: the command gets TERM at once, and KILL after five seconds. What it has put into another session is not found.
end_by_life_line() {
  (
    exec >/dev/null 2>&1
    while beat=$(timeout "$HEARTBEAT" head -n 1 <&3) && [ -n "$beat" ]; do :; done
    trap '' TERM
    kill -TERM "$me"
    read -r own_pid _ </proc/self/stat
    led='' told='' unled=0 round=0
    while look_at_command && [ "$round" -lt 50 ]; do
      round=$((round + 1))
      for left in $its; do
        case " $told " in *" $left "*) ;; *) kill -TERM "$left" ;; esac
        [ "$round" -lt 25 ] || kill -KILL "$left"
      done
      told=$its
      # Somebody in the background may hold its output open: that is not waited for.
      [ "$unled" -lt 3 ] || [ -z "$cats" ] || kill -TERM $cats
      sleep 0.2
    done
  ) &
  watcher=$!
}
# look_at_command: whether anything of it, or of what keeps its output, is there. $its are its processes, by its session, which $led
# remembers; $cats are ours that read its output; $unled counts how often it was seen to have ended itself.
look_at_command() {
  busy='' its='' cats='' leads=''
  for proc in /proc/[0-9]*; do
    read -r stat <"$proc/stat" && pid=${proc#/proc/} || continue
    # STATE PARENT GROUP SESSION …
    set -- ${stat##*) }
    [ "$2" != "$me" ] || [ "$pid" = "$own_pid" ] || busy=1
    case $4 in
      "$me") case $stat in *' (cat) '*) cats="$cats $pid" ;; esac ;;
      "$pid")
        [ "$1" = Z ] || [ "$(session_of "$2")" != "$me" ] || {
          leads=1
          case " $led " in *" $pid "*) ;; *) led="$led $pid" ;; esac
        }
        ;;
    esac
    [ "$1" = Z ] || case " $led " in *" $4 "*) its="$its $pid" ;; esac
  done
  [ -n "$leads" ] && unled=0 || unled=$((unled + 1))
  [ -n "$busy$its" ]
}

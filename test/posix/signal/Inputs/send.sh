#!/bin/sh
# send.sh COMMAND SIGNAL... : starts COMMAND, and after each line that it prints sends it the next signal. Prints its lines and, at last,
# its exit status or the signals that stopped it.
command=$1
shift
exec 3>&1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/lines"
$command >"$dir/lines" &
pid=$!
exec 4<"$dir/lines"
while IFS= read -r line <&4; do
    echo "$line"
    test $# -gt 0 || continue
    kill -s "$1" $pid
    if test "$1" = TSTP || test "$1" = STOP; then
        # The process is to stop, and to go on by SIGCONT.
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            state=$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat")
            test "$state" = T && break
            sleep 0.1
        done
        echo "state $state"
        kill -s CONT $pid
    fi
    shift
done
wait $pid
echo "status $?"

# usage: sh ps.sh PS : what ps says of this shell and its children. Only what is the same on every machine is printed.
PS=$1
trap '' USR1
trap : USR2
sleep 300 &
one=$!
sleep 301 &
two=$!
# Waits until so many of the processes are shown with this at the beginning of state and command; not for ever.
becomes() {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ "$($PS -o stat=,comm= "$1" "$2" | grep -c "^$3")" = "$4" ] && return
        sleep 0.5
    done
}
becomes -p $one,$two 'S.*sleep' 2

echo "== by number"
$PS -o ppid= -p $one | awk -v want=$$ '{ print ($1 == want) }'
echo "== children"
$PS --ppid $$ -o args= | grep '^sleep'
echo "== by name"
$PS -C sleep -o ppid=,comm= | awk -v want=$$ '$1 == want { print $2 }'
echo "== states"
$PS -o stat= -p $one | cut -c1
kill -STOP $one
becomes -p $one T 1
$PS -o stat= -p $one | cut -c1
kill -CONT $one
becomes -p $one S 1
$PS -o stat= -p $one | cut -c1
echo "== signals"
$PS -o ignored=,caught= -p $$ | awk '{ print substr($1, length($1) - 2), substr($2, length($2) - 2) }'
echo "== groups and sessions"
$PS -o pgid= -p $one,$two | sort -u | awk 'END { print NR }'
$PS -o sid= -p $$,$one | sort -u | awk 'END { print NR }'
echo "== threads"
$PS -o nlwp= -p $one | tr -d ' '
$PS -L -o lwp= -p $one | awk -v want=$one '{ print ($1 == want) }'
echo "== sorted"
$PS -o args= --sort=-args -p $one,$two
echo "== a zombie"
(sleep 0 & exec sleep 302) &
three=$!
becomes --ppid $three Z 1
becomes -p $three 'S.*sleep' 1
$PS --ppid $three -o stat=,args=
kill $three
echo "== the tree"
$PS f -o args= -p $$,$one | grep sleep
echo "== headers"
$PS -o stat,user=WHO,args -p $$ | head -n 1
echo "== nobody"
$PS -p 99999999 -o pid=
echo $?
$PS --no-such-option 2>/dev/null
echo $?
kill $one $two
wait
$PS -p $one -o pid=
echo $?

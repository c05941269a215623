# Subshells, pipelines, jobs, traps and redirections: each subshell is a process.
x=1; (x=2; echo $x); echo $x
for i in 1 2 3; do echo $i; done | while read n; do echo got $n; done | while read a b; do echo "$b $a"; done
(exit 3); echo $?
true | false; echo $?
! false; echo $?
(exit 5) & wait $!; echo background $?
{ echo out; echo err >&2; } 2>&1 >lind-out | while read l; do echo "pipe: $l"; done
read l <lind-out; echo "file: $l"
trap 'echo trapped' USR1; kill -USR1 $$; echo after
(trap 'echo child exit' EXIT; exit 4); echo $?
(kill -KILL $(exec src/dash -c 'echo $PPID')); echo killed $?
i=0; s=0; while [ $i -lt 200 ]; do s=$((s + $(echo $i))); i=$((i + 1)); done; echo sum $s
for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait; echo all $?
src/dash -c 'echo started again: $0 $1' zero one
exec 3>lind-out; echo three >&3; exec 3>&-; read l <lind-out; echo $l
set -e; false || echo or; (false; echo unreached); echo unreached

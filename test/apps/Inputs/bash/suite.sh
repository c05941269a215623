# usage: sh suite.sh [SCRIPT...] : in bash's tests directory, runs its scripts, or those named, with ../bash; prints PASS or FAIL for each.
# The scripts write files with names like `a` to $TMPDIR: natively, that must not be everybody's.
export THIS_SH=../bash BUILD_DIR=.. PATH=.:$PATH TMPDIR=/tmp/bash-output.$$
export BASH_TSTOUT=$TMPDIR/output
mkdir "$TMPDIR" || exit
trap 'rm -rf "$TMPDIR"' EXIT
[ $# -gt 0 ] || set -- run-*
for script; do
    case $script in
    run-all | run-minimal | run-gprof) continue ;;
    esac
    if timeout 120 sh "$script" >"lind-$script.log" 2>&1 </dev/null; then
        echo "PASS: $script"
    else
        echo "FAIL: $script"
    fi
    rm -f "$BASH_TSTOUT"
done

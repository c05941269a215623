# usage: inside.sh STEP [DIRECTORY] : runs build.sh with the programs of lind-tools alone: in one lind-run ($INSIDE), or on the host.
bin=$PWD/lind-tools/bin
if [ -n "$INSIDE" ]; then
    exec $INSIDE --clear-env --env PATH=/bin --env LC_ALL=C --env HOME=/tmp --dir "$bin:/bin:ro" --dir "$bin:/usr/bin:ro" \
        --dir /usr/include::ro --dir /usr/lib/x86_64-linux-musl::ro --dir /etc::ro -- "$bin/sh" lind-inputs/build.sh "$@"
fi
exec env -i PATH="$bin" LC_ALL=C HOME=/tmp "$bin/sh" lind-inputs/build.sh "$@"

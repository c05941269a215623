# usage: check.sh [MAKE-ARGUMENT...] : `make check` with coreutils and the programs of $TOOLS alone: in one lind-run ($INSIDE), or on the host.
# PERL has -I and not the environment PERL5LIB, which some tests empty and perl's taint mode ignores.
set -- check SUBDIRS=. VERBOSE= SHELL="$TOOLS/bash" PREFERABLY_POSIX_SHELL="$TOOLS/bash" PERL="$TOOLS/perl -I$TOOLS/perl-modules.lib" \
    AWK=awk SED=sed GREP=grep EGREP='grep -E' FGREP='grep -F' "$@"
if [ -n "$INSIDE" ]; then
    exec $INSIDE $LIND_RUN_OPTS --clear-env --env PATH="$TOOLS" --env LC_ALL=C --env TZ=UTC --env HOME=/tmp --dir "$TOOLS::ro" -- \
        "$TOOLS/make" -s -k "$@"
fi
exec env -i PATH="$TOOLS" LC_ALL=C TZ=UTC HOME=/tmp "$TOOLS/make" -s -k "$@"

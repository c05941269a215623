#!/bin/sh
# Fetches musl's source from Debian and unpacks it.
#
#   fetch.sh DIRECTORY            leaves the source in DIRECTORY/musl
#   fetch.sh DIRECTORY SOURCE     takes the unpacked source SOURCE instead of fetching
#
# Works as any user: apt gets a private list of source repositories, made from the machine's own
# configuration, and private directories. apt checks the repository's signature and the hash of the
# description (.dsc), dpkg-source those of the files that it names, and this script that the
# upstream archive is the one that libc-port was made for.
set -eu

version=1.2.3
archive_sha256=7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4

fail() {
    echo "libc-port/fetch.sh: $*" >&2
    exit 1
}

[ $# -ge 1 ] && [ $# -le 2 ] || fail "usage: fetch.sh DIRECTORY [SOURCE]"
mkdir -p "$1"
work=$(cd "$1" && pwd)
given=${2:-}

check_version() {
    [ -f "$1/VERSION" ] || fail "'$1' is not a source tree of musl"
    found=$(cat "$1/VERSION")
    [ "$found" = "$version" ] || fail "'$1' is musl $found; Lind needs $version"
}

if [ -n "$given" ]; then
    check_version "$given"
    rm -rf "$work/musl"
    cp -R "$given" "$work/musl"
    exit 0
fi

codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$codename" ] || fail "/etc/os-release names no VERSION_CODENAME"

# One-line entries: "deb [options] URI SUITE COMPONENTS".
lists() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        awk -v suite="$codename" '
            $1 == "deb" {
                at = 2
                if ($2 ~ /^\[/) {
                    while (at <= NF && $at !~ /\]$/) at++
                    at++
                }
                if (index($(at + 1), suite) == 1) {
                    $1 = "deb-src"
                    print
                }
            }' "$file"
    done
}

# deb822 stanzas: blank lines part them; continuation lines start with a space.
stanzas() {
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        awk -v suite="$codename" '
            function finish(  i, name) {
                if (binary && wanted && !disabled) {
                    print "Types: deb-src"
                    for (i = 1; i <= count; i++) print line[i]
                    print ""
                }
                count = binary = wanted = disabled = 0
            }
            /^[ \t]*$/ { finish(); next }
            /^#/ { next }
            {
                field = tolower($1)
                if ($0 ~ /^[ \t]/) { line[++count] = $0; next }
                if (field == "types:") {
                    for (i = 2; i <= NF; i++) if ($i == "deb") binary = 1
                    next
                }
                if (field == "architectures:") next
                if (field == "enabled:" && tolower($2) == "no") disabled = 1
                if (field == "suites:") {
                    for (i = 2; i <= NF; i++) if (index($i, suite) == 1) wanted = 1
                }
                line[++count] = $0
            }
            END { finish() }' "$file"
    done
}

apt=$work/apt
mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial" "$work/download"
lists > "$apt/parts/own.list"
stanzas > "$apt/parts/own.sources"
[ -s "$apt/parts/own.list" ] || [ -s "$apt/parts/own.sources" ] ||
    fail "apt's configuration has no repository for $codename; unpack musl $version yourself and" \
        "configure with -DLIND_MUSL_SOURCE=DIRECTORY"

privately() {
    program=$1
    shift
    "$program" -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts" \
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User= \
        -o APT::Get::List-Cleanup=0 -o Acquire::Languages=none "$@"
}

cd "$work/download"
if ! ls "musl_$version"-*.dsc > /dev/null 2>&1; then
    privately apt-get update > "$apt/log" 2>&1 || { cat "$apt/log" >&2; fail "apt-get update failed"; }
    package=$(privately apt-cache showsrc --only-source musl 2> /dev/null |
        awk -v version="$version" '$1 == "Version:" && index($2, version "-") == 1 { print $2; exit }')
    [ -n "$package" ] || fail "Debian $codename has no musl $version"
    privately apt-get source --download-only --only-source "musl=$package" > "$apt/log" 2>&1 ||
        { cat "$apt/log" >&2; fail "apt-get source failed"; }
fi
description=$(ls "musl_$version"-*.dsc | tail -n 1)
echo "$archive_sha256  musl_$version.orig.tar.gz" | sha256sum --check --quiet --strict ||
    { rm -f "musl_$version"*; fail "musl_$version.orig.tar.gz is not the archive that Lind knows"; }
rm -rf "$work/musl"
dpkg-source --no-copy -x "$description" "$work/musl" > "$apt/log" 2>&1 ||
    { cat "$apt/log" >&2; rm -f "musl_$version"*; fail "dpkg-source refused the source"; }
check_version "$work/musl"

# native.sh SOURCES DIRECTORY: builds each program natively and runs it; fails with the first that does not say ok.
set -e
sources=$1
rm -rf "$2"
mkdir -p "$2"
cd "$2"
for source in "$sources"/*.c; do
    name=$(basename "$source" .c)
    case $name in pipe_sigpipe) continue ;; esac # its status is its result
    musl-gcc -static -O1 -idirafter /usr/include -idirafter "/usr/include/$(gcc -print-multiarch)" "$source" -o "$name"
    case $name in
    terminal) python3 "$sources/../tty/Inputs/on_terminal.py" "./$name" ;;
    *) COLOUR=green timeout 600 "./$name" first "second argument" </dev/null ;;
    esac >"$name.said" || true
    tr -d '\r' <"$name.said" | grep -qx ok || { echo "$name:"; cat "$name.said"; exit 1; }
done

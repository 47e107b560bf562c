# Compiles a user with the flags that pkg-config knows, and runs it. Arguments: the compiler and its other arguments.
set -eu
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"$@" $(pkg-config --cflags crest) -o "$program"
"$program"

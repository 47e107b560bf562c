#!/usr/bin/env bash
# What including crest costs: the time to compile an otherwise empty program with <crest/attention.hpp>, over that with
# <immintrin.h>, <algorithm> and <cmath>. CPU time, the least of several, by turns.
#   bench/compile_time.sh [compiler] [times]
set -euo pipefail

include=$(cd "$(dirname "${BASH_SOURCE[0]}")/../include" && pwd)
compiler=${1:-c++}
times=${2:-5}
TIMEFORMAT=%U

# CPU milliseconds to compile what stands on standard input.
compile_ms() {
  local seconds
  seconds=$({ time "$compiler" -std=c++20 -O2 -I "$include" -x c++ -c -o /dev/null - 2>&1; } 2>&1)
  printf '%.0f\n' "${seconds/./}"
}

least() { sort -n | head -n 1; }

plain=$'#include <immintrin.h>\n#include <algorithm>\n#include <cmath>\nint main() {}\n'
crest=$'#include <crest/attention.hpp>\nint main() {}\n'
[[ $(uname -m) == x86_64 ]] || plain=${plain/immintrin/arm_neon}

plain_times=() crest_times=()
for ((i = 0; i < times; ++i)); do
  plain_times+=("$(printf '%s' "$plain" | compile_ms)")
  crest_times+=("$(printf '%s' "$crest" | compile_ms)")
done
plain_ms=$(printf '%s\n' "${plain_times[@]}" | least)
crest_ms=$(printf '%s\n' "${crest_times[@]}" | least)
printf 'compile time: <crest/attention.hpp> %d ms, <immintrin.h> + <algorithm> + <cmath> %d ms, ratio %d.%02d\n' \
  "$crest_ms" "$plain_ms" $((crest_ms / plain_ms)) $((crest_ms * 100 / plain_ms % 100))

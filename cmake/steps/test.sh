# test [--quick]: all tests, with sanitizers, clang, AArch64 and mutants; --quick: one build without optimisation

passed=0 failed=0
mkdir -p "$root/build/test"

run_ctest() {
  local preset=$1
  shift
  ctest --test-dir "$root/build/$preset" --parallel "$jobs" --output-on-failure --no-tests=error "$@"
}

# The stages. `set -e` does not reach into them, hence the chains.
quick() { configure quick && build quick && run_ctest quick -LE slow; }
release() { configure release && build release && run_ctest release; }
asan_ubsan() { configure asan-ubsan && build asan-ubsan && run_ctest asan-ubsan -LE 'slow|structure'; }
tsan() { configure tsan && build tsan tsan_tests && run_ctest tsan -L tsan; }
clang() { configure clang && build clang && run_ctest clang -LE slow; }
aarch64() { configure aarch64 && build aarch64 qemu_tests && run_ctest aarch64 -L qemu; }
mutants() { python3 "$root/cmake/mutate.py"; }

# "passed failed" as the summaries of ctest and mutate.py in a log say it; skipped tests count as neither.
count() {
  local skipped
  skipped=$(grep -c '\*\*\*Skipped' "$1") || true
  awk -v skipped="$skipped" '
    / tests? failed out of / { failed += $4; passed += $NF - $4 - skipped }
    / killed, .* not killed$/ { passed += $1; failed += $3 }
    END { print passed + 0, failed + 0 }' "$1"
}

# `stage name`: runs the function of that name into build/test/<name>.log, prints one line, adds to the counts. A stage
# that cannot build, or ends badly in any other way, counts as one failure.
stage() {
  local log=$root/build/test/$1.log start=$SECONDS code=0 p f
  "$1" >"$log" 2>&1 || code=$?
  read -r p f < <(count "$log")
  if (( code != 0 && f == 0 )); then f=1; fi
  printf '%-12s %4d passed, %d failed %6d s\n' "$1" "$p" "$f" $(( SECONDS - start ))
  if (( f != 0 )); then tail -n 60 "$log"; fi
  passed=$(( passed + p )) failed=$(( failed + f ))
}

if [[ ${1:-} == --quick ]]; then
  require base
  stage quick
else
  require full
  prepare_tools
  for name in release asan_ubsan tsan clang aarch64 mutants; do stage "$name"; done
fi

say "$passed passed, $failed failed"
(( failed == 0 ))

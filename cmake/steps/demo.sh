# demo [--trace DIR ...]: exact, clustered and guided attention on a real trace, and many policies side by side; writes
# build/demo/report.html, frontier.html and budgets.json

require base
configure release
build release example_01_long_context example_02_frontier
demo=$root/build/demo examples=$root/build/release/examples
mkdir -p "$demo"
"$examples/01_long_context" --html "$demo/report.html" "$@"

# Of the options, the laboratory takes the trace and the number of threads.
shared=()
while (( $# > 0 )); do
  case $1 in
    --trace | --threads) shared+=("$1" "${2:-}"); shift ;;
    --trace=* | --threads=*) shared+=("$1") ;;
  esac
  shift
done
"$examples/02_frontier" --html "$demo/frontier.html" --json "$demo/frontier.json" --budgets "$demo/budgets.json" \
  ${shared[@]+"${shared[@]}"}
say "reports: $demo/report.html, $demo/frontier.html"
say "suggested budgets: $demo/budgets.json"

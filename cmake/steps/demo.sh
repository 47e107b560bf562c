# demo [--trace DIR ...]: exact, clustered and guided attention on a real trace; writes build/demo/report.html

require base
configure release
build release example_01_long_context
mkdir -p "$root/build/demo"
"$root/build/release/examples/01_long_context" --html "$root/build/demo/report.html" "$@"
say "report: $root/build/demo/report.html"

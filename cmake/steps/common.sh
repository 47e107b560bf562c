# Shared by all steps; sourced by cmake/run, which sets `root`. Takes --yes out of the step's arguments.

say() { printf '%s\n' "$*"; }
fail() { printf 'cmake/run: %s\n' "$*" >&2; exit 1; }

yes=${CI:-false}
arguments=()
for argument in "$@"; do
  if [[ $argument == --yes ]]; then yes=true; else arguments+=("$argument"); fi
done
set -- ${arguments[@]+"${arguments[@]}"}

jobs=$(nproc)

has() { command -v "$1" >/dev/null; }

# Debian packages behind commands that are not there: `need_commands command:package ...`.
need_commands() {
  local entry
  for entry in "$@"; do
    has "${entry%%:*}" || say "${entry#*:}"
  done
}

# The same for headers, asked of the preprocessor: `need_headers header:package ...`.
need_headers() {
  has c++ || { printf '%s\n' "${@#*:}"; return; }
  local entry
  for entry in "$@"; do
    printf '#if !__has_include(<%s>)\n%s\n#endif\n' "${entry%%:*}" "${entry#*:}"
  done | c++ -E -P -x c++ -
}

missing_base() {
  need_commands c++:g++ cmake:cmake pkg-config:pkg-config
  has ninja || has make || say ninja-build
  need_headers eigen3/Eigen/Core:libeigen3-dev gtest/gtest.h:libgtest-dev benchmark/benchmark.h:libbenchmark-dev \
    nlohmann/json.hpp:nlohmann-json3-dev CLI/CLI.hpp:libcli11-dev
}

missing_full() {
  missing_base
  need_commands python3:python3 clang++:clang 'valgrind:valgrind libc6-dbg' qemu-aarch64:qemu-user \
    aarch64-linux-gnu-g++:g++-aarch64-linux-gnu
  [[ -f /usr/src/googletest/CMakeLists.txt ]] || say googletest
}

# Installs packages after asking once; without consent prints the line to type and stops.
install() {
  local sudo=
  [[ $(id -u) == 0 ]] || sudo="sudo "
  local line="${sudo}apt-get install --no-install-recommends $*" answer=n
  say "missing: $*"
  if [[ $yes == true ]]; then
    answer=y
  elif [[ -t 0 ]] && has apt-get; then
    read -r -p "run '$line'? [y/N] " answer
  fi
  [[ $answer == [yY]* ]] || fail "type: $line"
  ${sudo}apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $line -y
}

# `require base` or `require full`: everything the step builds with is there afterwards.
require() {
  local packages
  mapfile -t packages < <("missing_$1" | grep . | sort -u)
  (( ${#packages[@]} == 0 )) || install "${packages[@]}"
}

# Builds use ninja and ccache where they are. Relative paths let copies of the tree share the cache,
# the other setting lets it hold what uses precompiled headers.
prepare_tools() {
  if has ninja; then export CMAKE_GENERATOR=${CMAKE_GENERATOR:-Ninja}; fi
  if has ccache; then export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache} CCACHE_BASEDIR=$root \
    CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}; fi
}

# `configure preset [cmake options]`; the tree is build/<preset>.
configure() {
  prepare_tools
  (cd "$root" && cmake --preset "$@")
}

# `build preset [targets]`.
build() {
  local preset=$1
  shift
  cmake --build "$root/build/$preset" --parallel "$jobs" ${1:+--target "$@"}
}

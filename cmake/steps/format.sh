# format [--fix]: checks, or with --fix corrects, the layout of all C++ files

has clang-format || install clang-format
mapfile -t files < <(find "$root"/{include,tests,examples,bench} -name '*.hpp' -o -name '*.inl' -o -name '*.cpp')
if [[ ${1:-} == --fix ]]; then
  clang-format -i "${files[@]}"
else
  clang-format --dry-run --Werror "${files[@]}"
fi

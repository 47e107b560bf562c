# mutants [FILTER]: plants the bugs of tests/mutants.txt one by one; the tests must notice each

require base
has python3 || install python3
prepare_tools
python3 "$root/cmake/mutate.py" "$@"

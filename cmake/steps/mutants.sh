# mutants [--quick] [FILTER]: plants one-line bugs, the tests must notice each; --quick: the list of every test run alone

require base
has python3 || install python3
prepare_tools
python3 "$root/cmake/mutate.py" "$@"

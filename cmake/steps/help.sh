# help: this list

say "usage: cmake/run <step> [options]; --yes installs missing packages without asking"
for file in "$root"/cmake/steps/*.sh; do
  [[ $file == */common.sh ]] || sed -n '1s/^# /  /p' "$file"
done

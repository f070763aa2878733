#!/bin/bash
# --help and --version answer at once: under 50 ms, the best of ten.   help.sh PROGRAM
. "$(dirname "$0")/common.sh"
"$program" --help >"$work/help" || fail "--help"
for word in "et al." --data --epochs "=256" --resume; do grep -qF -- "$word" "$work/help" || fail "--help does not mention $word"; done
"$program" --version | grep -q "fovea [0-9]*\.[0-9]*\.[0-9]*" || fail "--version"
best=1000000
for _ in 1 2 3 4 5 6 7 8 9 10; do
  start=$(date +%s%N)
  "$program" --help >/dev/null
  took=$((($(date +%s%N) - start) / 1000))
  [ $took -lt $best ] && best=$took
done
echo "--help takes $best us"
[ $best -lt "${2:-50000}" ] || fail "--help takes $best us"

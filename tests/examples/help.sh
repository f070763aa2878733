#!/bin/bash
# --help and --version answer at once: the best of ten takes less CPU time than the limit.   help.sh PROGRAM MILLISECONDS
. "$(dirname "$0")/common.sh"
"$program" --help >"$work/help" || fail "--help"
for word in "et al." --data --epochs "=256" --resume; do grep -qF -- "$word" "$work/help" || fail "--help does not mention $word"; done
"$program" --version | grep -q "fovea [0-9]*\.[0-9]*\.[0-9]*" || fail "--version"
export LC_ALL=C TIMEFORMAT="%U %S"  # user and system seconds, three decimals: what else the machine does counts little
best=1000000
for _ in 1 2 3 4 5 6 7 8 9 10; do
  read -r user system < <({ time "$program" --help >/dev/null; } 2>&1)
  took=$((10#${user/./} + 10#${system/./}))
  [ $took -lt $best ] && best=$took
done
echo "--help takes $best ms"
[ $best -lt "$2" ] || fail "--help takes $best ms, want less than $2"

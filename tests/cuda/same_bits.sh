#!/bin/bash
# Two runs of every op on the device give the same bits. A GPU runs blocks and warps in another order each time; of a launcher
# that can, FOVEA_ORDER_VARIABLE names the environment variable with the seed of a random order.   same_bits.sh TESTS [LAUNCHER...]
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for seed in 1 2; do
  env ${FOVEA_ORDER_VARIABLE:+"$FOVEA_ORDER_VARIABLE=$seed"} "${@:2}" "$1" "[.bits]" >"$work/$seed" 2>"$work/stderr" || { cat "$work/$seed" "$work/stderr"; exit 1; }
done
[ "$(grep -cE ' [0-9a-f]{16}' "$work/1")" -gt 100 ] || { echo "FAILED: want more than 100 rows"; exit 1; }
diff "$work/1" "$work/2" || { echo "FAILED: the bits differ"; exit 1; }
echo "the same bits in $(grep -cE ' [0-9a-f]{16}' "$work/1") rows"

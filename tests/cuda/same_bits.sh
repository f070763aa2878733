#!/bin/bash
# Two runs of every op on the device give the same bits. An emulator that honours GPUEMU_SHUFFLE runs blocks and warps in a
# random order, another one each time; a GPU does so by itself.   same_bits.sh TESTS [LAUNCHER...]
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for seed in 1 2; do
  GPUEMU_CHECK= GPUEMU_SHUFFLE=$seed "${@:2}" "$1" "[.bits]" >"$work/$seed" 2>"$work/stderr" || { cat "$work/$seed" "$work/stderr"; exit 1; }
done
[ "$(grep -cE ' [0-9a-f]{16}' "$work/1")" -gt 100 ] || { echo "FAILED: want more than 100 rows"; exit 1; }
diff "$work/1" "$work/2" || { echo "FAILED: the bits differ"; exit 1; }
echo "the same bits in $(grep -cE ' [0-9a-f]{16}' "$work/1") rows"

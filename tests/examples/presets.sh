#!/bin/bash
# Every preset is a line of flags that the program takes, and one is what bin/methods_table --imagenette names.
#   presets.sh PROGRAM
. "$(dirname "$0")/common.sh"
mapfile -t presets < <("$program" --help | sed -n '/^Presets:/,$s/^  \([a-z0-9-]*\): .*/\1/p')
for wanted in short imagenette-table; do
  [[ " ${presets[*]} " == *" $wanted "* ]] || fail "no preset $wanted in --help"
done
for preset in "${presets[@]}"; do
  "$program" --preset "$preset" "${small[@]}" --batch 32 --steps 2 --eval-every 0 --out "$work/$preset" >/dev/null ||
    fail "--preset $preset"
done

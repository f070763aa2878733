#!/bin/bash
# A run on the device has the losses of one on the CPU, to 1e-4, and one that replays its steps as a CUDA graph those of the
# run that does not, to the bit.   cuda.sh PROGRAM [LAUNCHER...]
# The learning rate is small because steps amplify rounding: an activation near 0 falls on the other side of a ReLU. At the
# default rate the CPU's own instruction sets are 1e-3 apart after two steps.
. "$(dirname "$0")/common.sh"
launcher=("${@:2}")
run=(--data synthetic:48 --width 8 --batch 16 --workers 1 --threads 1 --eval-every 0 --seed 1 --lr 0.001)

device() { "${launcher[@]}" "$program" --device cuda "$@" >"$work/log" 2>&1 || fail "$*: $(cat "$work/log")"; }

"$program" --device cpu "${run[@]}" --steps 3 --log-every 1 --out "$work/cpu" >/dev/null || fail "the run on the CPU"
device "${run[@]}" --steps 3 --log-every 1 --out "$work/cuda"
paste <(losses "$work/cpu") <(losses "$work/cuda") | awk '
  { n++; d = $4 - $8; if ($2 != $6 || d > 1e-4 || d < -1e-4) { print "differs: " $0; bad = 1 } }
  END { if (n != 3) print "want 3 losses, got " n; exit bad || n != 3 }' || fail "the losses differ"

# The first two steps run as they are, the others are replayed.
device "${run[@]}" --steps 9 --log-every 4 --out "$work/eager"
device "${run[@]}" --steps 9 --log-every 4 --cuda-graph --out "$work/graph"
[ "$(losses "$work/eager" | wc -l)" = 4 ] || fail "want 4 losses, got: $(losses "$work/eager")"
numbers() { grep '"loss"' "$1/metrics.jsonl" | sed -E 's/"[a-z_]*(second|seconds|_ms)": [^,}]*//g'; }
[ "$(numbers "$work/eager" | grep -c effective_rank)" = 4 ] || fail "want 4 lines, got: $(numbers "$work/eager")"
diff <(numbers "$work/eager") <(numbers "$work/graph") || fail "what the graph logs differs"
cmp "$work/eager/backbone.safetensors" "$work/graph/backbone.safetensors" || fail "the weights differ"
echo "the same on the device: $(losses "$work/cuda" | tr '\n' ' ')"

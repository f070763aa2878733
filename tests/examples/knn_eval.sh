#!/bin/bash
# knn_eval finds in a run's backbone.safetensors the accuracies of the run's summary.   knn_eval.sh SIMCLR KNN_EVAL
. "$(dirname "$0")/common.sh"
"$program" "${small[@]}" --steps 4 --out "$work/run" >/dev/null || fail "the run"
data=(--data synthetic:96 --threads 1 --weights "$work/run/backbone.safetensors")
"$2" "${data[@]}" --width 4 >"$work/found" || fail "knn_eval"
agrees() {  # KEY in summary.json, NAME on knn_eval's line: the same to four decimals
  local want
  want=$(sed -nE "s/.*\"$1\": ([0-9.]+).*/\1/p" "$work/run/summary.json")
  want=$(LC_ALL=C printf %.4f "$want")
  grep -qE "^$2 +${want/./[.]} " "$work/found" || fail "want $2 $want, got: $(cat "$work/found")"
}
agrees knn_top1 "k-NN top-1"
agrees linear_top1 "linear top-1"
"$2" "${data[@]}" --width 8 2>"$work/stderr" && fail "accepted weights of another width"
grep -q "conv1.weight" "$work/stderr" || fail "does not name what differs: $(cat "$work/stderr")"
"$2" --epochs 3 2>"$work/stderr" && fail "accepted a flag of training"
echo "knn_eval agrees with the run"

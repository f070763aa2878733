#!/bin/bash
# knn_eval finds in a run's backbone.safetensors the accuracies of the run's summary.   knn_eval.sh SIMCLR KNN_EVAL
. "$(dirname "$0")/common.sh"
"$program" "${small[@]}" --steps 4 --out "$work/run" >/dev/null || fail "the run"
data=(--data synthetic:96 --threads 1 --weights "$work/run/backbone.safetensors")
"$2" "${data[@]}" --width 4 >"$work/found" || fail "knn_eval"
for accuracy in knn linear; do
  want=$(grep -o "\"${accuracy}_top1\": [0-9.]*" "$work/run/summary.json" | sed 's/.* //')
  grep -qE "(k-NN|linear) top-1 +$want" "$work/found" || fail "want $accuracy $want, got: $(cat "$work/found")"
done
"$2" "${data[@]}" --width 8 2>"$work/stderr" && fail "accepted weights of another width"
grep -q "conv1.weight" "$work/stderr" || fail "does not name what differs: $(cat "$work/stderr")"
"$2" --epochs 3 2>"$work/stderr" && fail "accepted a flag of training"
echo "knn_eval agrees with the run"

#!/bin/bash
# A run that is killed with kill -9, and one that gets Ctrl-C, go on with --resume and have every loss of a run that was
# never stopped.   resume.sh PROGRAM
. "$(dirname "$0")/common.sh"
run=("${small[@]}" --steps 26 --eval-every 0)

"$program" "${run[@]}" --out "$work/whole" >/dev/null || fail "the whole run"
[ "$(losses "$work/whole" | wc -l)" = 26 ] || fail "want 26 losses, got: $(losses "$work/whole")"

# stop SIGNAL FOLDER STEPS ARGUMENTS...: runs the program and sends the signal once that many steps are logged.
stop() {
  local signal=$1 folder=$2 steps=$3
  shift 3
  "$program" "$@" >>"$work/log" 2>&1 &
  local id=$!
  for _ in $(seq 3000); do
    [ -f "$folder/metrics.jsonl" ] && [ "$(losses "$folder" | wc -l)" -ge "$steps" ] && break
    kill -0 $id 2>/dev/null || fail "ended before it was stopped: $(cat "$work/log")"
    sleep 0.01
  done
  kill -"$signal" $id
  wait $id 2>/dev/null
}

stop KILL "$work/killed" 9 "${run[@]}" --checkpoint-every 4 --out "$work/killed"
status=$?
[ $status = 137 ] || fail "kill -9 gave $status"
stop KILL "$work/killed" 16 --resume "$work/killed"
"$program" --resume "$work/killed" >/dev/null || fail "resuming after kill -9"
diff <(losses "$work/whole") <(losses "$work/killed") || fail "the losses after kill -9 differ"

stop INT "$work/interrupted" 5 "${run[@]}" --out "$work/interrupted"
status=$?
[ $status = 130 ] || fail "Ctrl-C gave $status"
grep -q -- "--resume $work/interrupted" "$work/log" || fail "Ctrl-C does not say how to resume: $(cat "$work/log")"
(cd "$work" && "$program" --out interrupted --resume >/dev/null) || fail "resuming after Ctrl-C"
diff <(losses "$work/whole") <(losses "$work/interrupted") || fail "the losses after Ctrl-C differ"

# Evaluation, and with it the whole summary but for times, is the same too.
diff <(grep -E 'knn|linear' "$work/whole/summary.json") <(grep -E 'knn|linear' "$work/killed/summary.json") || fail "the summaries differ"
cmp "$work/whole/backbone.safetensors" "$work/killed/backbone.safetensors" || fail "the weights differ"
[ -z "$(find "$work" -name '*.tmp')" ] || fail "temporary files are left: $(find "$work" -name '*.tmp')"
echo "resumed exactly"

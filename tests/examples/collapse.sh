# SimSiam with its stop-gradient left out collapses, and the run says so; with it the same run says nothing.
. "$(dirname "$0")/common.sh"
run=("$program" --data synthetic:256 --width 4 --projection 128 --batch 64 --steps 60 --lr 0.3 --workers 1 --threads 1
     --log-every 5 --eval-every 0)

"${run[@]}" --out "$work/sound" >"$work/sound.txt" 2>&1 || fail "the sound run: $(tail -1 "$work/sound.txt")"
grep -q "warning" "$work/sound.txt" && fail "a sound run was called collapsed: $(grep warning "$work/sound.txt")"
"${run[@]}" --no-stop-gradient --out "$work/collapsed" >"$work/collapsed.txt" 2>&1 ||
  fail "the collapsing run: $(tail -1 "$work/collapsed.txt")"
grep -q "warning: collapse at step .*gradient.* through the target branch" "$work/collapsed.txt" ||
  fail "no warning of collapse: $(cat "$work/collapsed.txt")"

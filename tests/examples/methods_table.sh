#!/bin/bash
# bin/methods_table with tiny runs: it fills its pages, repeats nothing that is recorded and takes no run for another.
#   methods_table.sh PROGRAM
. "$(dirname "$0")/common.sh"
cd "$work" && mkdir -p docs/methods || fail "no folder"
for page in README.md:methods docs/results.md:methods docs/methods/simclr.md:result docs/methods/swav.md:result; do
  printf 'before\n<!-- begin %s -->\nold\n<!-- end %s -->\nafter\n' "${page#*:}" "${page#*:}" >"${page%:*}"
done
runs=(--data synthetic:64 --epochs 1 --seeds 1 --methods simclr,swav_queue --extra "--batch 32 --threads 1")
table() { "$program" "${runs[@]}" --results results.jsonl "$@" >said 2>&1; }

table --width 4 --docs docs/results.md || fail "a table: $(cat said)"
for page in README.md docs/results.md docs/methods/*.md; do
  [[ $(head -1 "$page") == before && $(tail -1 "$page") == after ]] || fail "$page lost what stands around its table"
  ! grep -q '^old$' "$page" || fail "$page still has the old table"
done
grep -q '^| \[SimCLR\](methods/simclr.md) | 0\.' docs/results.md || fail "no row in results.md"
grep -q '^| \[SwAV with queues\](docs/methods/swav.md) | 0\.' README.md || fail "no row in README.md"
grep -q '^| SwAV with queues | 0\.' docs/methods/swav.md || fail "no row in swav.md"
[ "$(wc -l <results.jsonl)" = 2 ] || fail "want two recorded runs"

cp docs/results.md table && rm -r runs && table --width 4 --docs docs/results.md || fail "a recorded table: $(cat said)"
! grep -q "seed 0" said || fail "a recorded run was repeated"
cmp -s table docs/results.md || fail "a recorded table differs"
table --width 8 || fail "other runs: $(cat said)"
[ "$(wc -l <results.jsonl)" = 4 ] || fail "a run of another width was taken for this one"
cmp -s table docs/results.md || fail "--methods without --docs wrote a page"

refuses() { # WORDS ARGUMENTS
  local words=$1
  shift
  ! "$program" "$@" >said 2>&1 && grep -qF -- "$words" said || fail "want an error with '$words', got: $(cat said)"
}
refuses "nonsense" --methods nonsense
refuses "did you mean simclr?" --methods simclrr
refuses "did you mean --methods?" --method simclr
refuses "--methods: want names" --methods ,
refuses "--results, which keeps the speeds" --speed --results ""
echo text >docs/plain.md
refuses "docs/plain.md: want the lines" "${runs[@]}" --width 16 --results results.jsonl --docs docs/plain.md
echo '{"run": {' >>results.jsonl
refuses "results.jsonl: line 5" "${runs[@]}" --width 4 --results results.jsonl

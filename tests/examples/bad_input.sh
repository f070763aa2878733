#!/bin/bash
# Whatever is wrong, a program says so in one line on stderr and exits with a code that is not 0.   bad_input.sh PROGRAM
. "$(dirname "$0")/common.sh"

# refuses CODE WORDS ARGUMENTS...: the program must exit with CODE and say WORDS in one line.
refuses() {
  local code=$1 words=$2
  shift 2
  timeout 120 "$program" "$@" >/dev/null 2>"$work/stderr"
  local status=$?
  [ $status = "$code" ] || fail "$*: want exit code $code, got $status: $(cat "$work/stderr")"
  [ "$(wc -l <"$work/stderr")" = 1 ] || fail "$*: want one line, got: $(cat "$work/stderr")"
  grep -qF -- "$words" "$work/stderr" || fail "$*: want \"$words\" in: $(cat "$work/stderr")"
}

refuses 2 "--no-such-flag" --no-such-flag
refuses 2 "--batch" --batch 0
refuses 2 "--batch" --batch -3
refuses 2 "--lr" --lr nan
refuses 2 "--epochs" --epochs ten
if ! "$program" --help | grep -qE -- '--device TEXT[ =[]*cuda'; then
  refuses 2 "no CUDA" --device cuda
  refuses 2 "--cuda-graph" --cuda-graph
fi
refuses 2 "last.safetensors" --resume "$work/nothing"
refuses 1 "--batch 512" --data synthetic:64 --batch 512 --out "$work/a"
refuses 2 "no-such-data" --data no-such-data --out "$work/a"
refuses 2 "did you mean --batch?" --bacth 3 --out "$work/a"
refuses 2 "did you mean simclr?" --views simclt --out "$work/a"
refuses 2 "did you mean resnet18?" --backbone resnet81 --out "$work/a"
refuses 2 "did you mean adam?" --optimizer adma --out "$work/a"
refuses 2 "did you mean short?" --preset shrot --out "$work/a"
FOVEA_ISA=avx22 refuses 1 "want plain, avx2 or avx512, got avx22" --out "$work/a"
[ ! -e "$work/a" ] || fail "a wrong command line leaves a folder"
refuses 1 "$work/nowhere" --data "fashion-mnist:$work/nowhere" --out "$work/a"

# Data that is damaged.
mkdir "$work/idx"
for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do head -c 100 /dev/zero >"$work/idx/$file-ubyte"; done
refuses 1 "$work/idx/" --data "fashion-mnist:$work/idx" --out "$work/a"
mkdir -p "$work/images/cat" "$work/images/dog"
echo "no picture" >"$work/images/cat/a.png"
refuses 1 "dog" --data "imagefolder:$work/images" --out "$work/a"

# Folders that cannot be written, and a disk that is full (a link to /dev/full stands for it).
echo x >"$work/file"
refuses 1 "$work/file" "${small[@]}" --steps 1 --out "$work/file"
refuses 1 "$work/file/run" "${small[@]}" --steps 1 --out "$work/file/run"
mkdir "$work/full"
ln -s /dev/full "$work/full/last.safetensors.tmp"
refuses 1 "No space left" "${small[@]}" --steps 1 --out "$work/full"
[ ! -e "$work/full/last.safetensors" ] || fail "a checkpoint that was cut short is there"

# A checkpoint that is damaged or another run's.
"$program" "${small[@]}" --steps 1 --out "$work/run" >/dev/null || fail "a run of one step"
refuses 2 "--width 8 (it has 4)" --resume "$work/run" --width 8
refuses 2 "--batch 8 (it has 16)" --resume "$work/run" --batch 8
cp "$work/run/last.safetensors" "$work/good"
head -c 20000 "$work/good" >"$work/run/last.safetensors"
refuses 1 "last.safetensors" --resume "$work/run"
{ printf '\377\377\377\377\377\377\377\177'; tail -c +9 "$work/good"; } >"$work/run/last.safetensors"
refuses 1 "last.safetensors" --resume "$work/run"

# A loss that is not finite.
refuses 1 "at step" "${small[@]}" --steps 60 --lr 10000 --weight-decay 1 --out "$work/nan"
echo "refused everything"

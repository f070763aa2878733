# What the scripts of this folder share. Each is called with a program of examples/ and gets a folder of its own.
set -u
program=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive
small=(--data synthetic:96 --width 4 --batch 16 --workers 1 --threads 1 --log-every 1)

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# The losses of a run, step by step, as written.
losses() { grep -o '"step": [0-9]*, .*"loss": [^,]*' "$1/metrics.jsonl" | sed 's/"epoch"[^,]*, //'; }

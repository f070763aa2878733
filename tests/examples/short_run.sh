#!/bin/bash
# A few steps of a program, with flags of its own, in a folder that goes afterwards.
#   short_run.sh PROGRAM [flags]
. "$(dirname "$0")/common.sh"
shift
"$program" --data synthetic:64 --width 4 --batch 16 --steps 2 "$@" --out "$work/run" || fail "$program $*"

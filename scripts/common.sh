# Sourced by the scripts beside it: goes to the repository's root and gives them step().
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}  # where ccache is used, one preset's objects serve another's
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}

# Says what comes next, and when.
step() { printf '\n== %s  %s\n' "$(date +%H:%M:%S)" "$*"; }

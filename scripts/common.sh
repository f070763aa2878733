# Sourced by the scripts beside it: goes to the repository's root and gives them step().
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}  # where ccache is used, one preset's objects serve another's
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}

# Says what comes next, and when.
step() { printf '\n== %s  %s\n' "$(date +%H:%M:%S)" "$*"; }

# A virtual environment with these packages from pip, in $venv.
peer_environment() {
  venv=${FOVEA_PEER_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/fovea-peers}
  if [[ ! -x $venv/bin/python ]]; then
    step "making $venv"
    if ! python3 -m venv "$venv"; then
      rm -rf "$venv"
      echo "$0: python3 cannot make a virtual environment; install python3-venv" >&2
      exit 1
    fi
  fi
  local modules=("${@%%==*}")
  if ! "$venv/bin/python" -c "import ${modules[0]}$(printf ', %s' "${modules[@]:1}")" 2>/dev/null; then
    step "installing $* into $venv"
    "$venv/bin/pip" install --quiet "$@"
  fi
}

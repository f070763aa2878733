#!/bin/bash
# Checks that each installed header can be used by itself: it includes the standard library and other installed headers, none of
# a dependency's, and it compiles alone where nothing but the prefix is to be found.
#   headers_test.sh <prefix> <compiler> [flags]
set -euo pipefail
cd "$1/include"
shift

mapfile -t headers < <(find fovea -name '*.h' | sort)
if [[ ${#headers[@]} -eq 0 ]]; then
  echo "headers: found none under '$PWD'" >&2
  exit 1
fi
broken=0
if grep -n '^ *# *include' "${headers[@]}" | grep -v -E 'include <(fovea/[a-z0-9_/]+\.h|[a-z_]+)>'; then
  echo "headers: an installed header may include the standard library and <fovea/...> alone" >&2
  broken=1
fi
compile() {
  local header=$1
  shift
  echo "#include <$header>" | "$@" -std=c++20 -fsyntax-only -I. -x c++ - || { echo "headers: $header does not compile alone" >&2 && return 1; }
}
export -f compile
printf '%s\n' "${headers[@]}" | xargs -P "${CTEST_PROCESSORS:-2}" -I '{}' bash -c 'compile "$@"' bash '{}' "$@" || broken=1
[[ $broken -eq 0 ]] && echo "headers: ${#headers[@]} compile alone"

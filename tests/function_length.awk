# Lists functions of more than `limit` lines, but for tables (std::vector<CountedCase> counted_cases() and the like):
#   awk -v limit=80 -f function_length.awk FILE...
# Reads what clang-format wrote: a definition's head and its closing brace stand at the same indentation, which is none at
# namespace level and two more in each class around it.
FNR == 1 {
  for (level in start) delete start[level]
  classes = macro = 0
}
macro || /^ *#/ {  # a line of the preprocessor, and those that go on with it
  macro = /\\$/
  next
}
/^ *($|\/\/)/ || /^ +(public|private|protected):$/ { next }
{
  match($0, /^ */)
  level = RLENGTH
  if (level > 2 * classes) next  # inside a function, or a head that goes on
  while (classes > 0 && level < 2 * classes) --classes
}
/^ *}/ {
  lines = level in start ? FNR - start[level] + 1 : 0
  if (lines > limit && /^ *}$/ && head[level] !~ /^std::vector<[A-Za-z]*Case> .*\(\) \{$/)
    printf "  %s:%d: a function of %d lines; %d are the limit: %s\n", FILENAME, start[level], lines, limit, head[level]
  delete start[level]
  next
}
/^ *(template <.*> *)?(class|struct|union) [^()]*\{$/ {
  delete start[level]
  ++classes
  next
}
/[;}]$/ || /^(namespace|extern)/ || /^ *template <.*>$/ {
  delete start[level]
  next
}
!(level in start) {
  start[level] = FNR
  head[level] = substr($0, level + 1)
}

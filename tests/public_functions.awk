# Lists public functions that nothing calls, by name, and what is wrong with the list of those that are excused:
#   awk -f public_functions.awk part=list LIST part=declare HEADER... part=use SOURCE...
# Reads what clang-format wrote: declarations of a namespace stand at the left, those of a class two further in. Overloads, and
# functions of different classes, count as one where they have one name.
function code_of(line) {  # without strings and comments
  gsub(/\\./, "", line)
  gsub(/"[^"]*"/, "\"\"", line)
  sub(/\/\/.*/, "", line)
  return line
}
function unqualified(before) {  # what stands before the whole of a::b<c>::name
  while (match(before, /[A-Za-z0-9_]+(<[^<>]*>)?::$/)) before = substr(before, 1, RSTART - 1)
  return before
}
# Whether `before` ends a type: then what follows is the name that it declares.
function declares(before) {
  if (before !~ /[A-Za-z0-9_>*&\]] +$/ || before ~ / [>*&]+ +$/) return 0
  return before !~ /(^|[^A-Za-z0-9_])(return|else|case|throw|new|co_return|and|or|not|do) +$/
}

FNR == 1 && part == "list" { list = FILENAME }
part == "list" {
  if (/^(#|$)/) next
  if (!/^[a-z_0-9]+: ./) { printf "  %s:%d: want `name: reason`\n", FILENAME, FNR; next }
  name = $1
  sub(/:$/, "", name)
  listed[name] = FNR
  next
}

part == "declare" {
  if (FNR == 1) classes = 0
  line = code_of($0)
  if (line ~ /^ *(#|$)/) next
  match(line, /^ */)
  level = RLENGTH
  while (classes > 0 && level < 2 * classes - 1) classes--
  if (line ~ /^ +(public|protected|private):/) { closed[classes] = line !~ /public/; next }
  if (level != 2 * classes) next
  hidden = 0
  for (i = 1; i <= classes; ++i) hidden += closed[i]
  sub(/^ *template <.*> */, "", line)
  if (line ~ /^ *(class|struct|union) [^()]*\{$/) { closed[++classes] = line ~ /^ *class/; next }
  open = index(line, "(")
  if (hidden || !open || line ~ /override/ || line ~ /^ *(using|typedef|friend|static_assert|requires|namespace)/) next
  head = substr(line, 1, open - 1)
  if (head ~ /=/ || head ~ /operator/ || !match(head, /[a-z_][A-Za-z0-9_]*$/)) next
  name = substr(head, RSTART)
  if (declares(substr(head, 1, RSTART - 1)) && !(name in where)) where[name] = FILENAME ":" FNR
  next
}

{
  line = code_of($0)
  if (line ~ /^ *#/) next
  before = ""
  while (match(line, /[A-Za-z_][A-Za-z0-9_]*/)) {
    name = substr(line, RSTART, RLENGTH)
    before = before substr(line, 1, RSTART - 1)
    line = substr(line, RSTART + RLENGTH)
    if (name in where && !(name in used) && before !~ /kernels::$/) {
      outside = unqualified(before)
      if (line ~ /^(<[^()]*>)?\(/ ? !declares(outside) : before ~ /::$/ || outside ~ /(^|[^A-Za-z0-9_&])&$/) used[name] = FILENAME ":" FNR
    }
    before = before name
  }
}

END {
  for (name in where) {
    ++functions
    if (!(name in used) && !(name in listed))
      printf "  %s: nothing outside tests and bench calls %s: remove it, or add it to %s with the reason why it is there\n", where[name], name, list
  }
  for (name in listed)
    if (!(name in where)) printf "  %s:%d: there is no public function %s any more\n", list, listed[name], name
    else if (name in used) printf "  %s:%d: %s is called after all, in %s\n", list, listed[name], name, used[name]
  print functions + 0 " public functions"
}

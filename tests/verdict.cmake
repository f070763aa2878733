# Ends a check of the tree: it fails where `broken` lists something, or where there was nothing to check.
function(verdict name count what broken)
  if(count EQUAL 0)
    message(FATAL_ERROR "${name}: found no ${what} under '${SOURCE}'")
  elseif(broken)
    message(FATAL_ERROR "${name}: not as it should be:\n${broken}")
  endif()
  message(STATUS "${name}: ${count} ${what} are as they should be")
endfunction()

# What every target of this project has.
function(fovea_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow $<$<BOOL:${FOVEA_WERROR}>:-Werror>>)
endfunction()

# Parses cmake/precompiled.h, and further headers, once for all sources of a target: half the time of a small source.
# Links fmt, which is in there. -fpch-preprocess is what lets ccache see through it. Not in builds without optimisation: there
# fmt changes GCC's options for a while, and a precompiled header does not restore what intrinsics then are.
#   fovea_precompile(<target> [<header>...])
#   fovea_precompile(<target> REUSE_FROM <other>)    with the flags of the other target
function(fovea_precompile target)
  cmake_parse_arguments(ARG "" "REUSE_FROM" "" ${ARGN})
  target_link_libraries(${target} PRIVATE fmt::fmt)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  if(NOT "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}" MATCHES "-O[123s]")
    return()
  endif()
  if(ARG_REUSE_FROM)
    target_precompile_headers(${target} REUSE_FROM ${ARG_REUSE_FROM})
  else()
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.h ${ARG_UNPARSED_ARGUMENTS})
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess> $<$<COMPILE_LANGUAGE:CXX>:-Werror=invalid-pch>)
  endif()
endfunction()

# Code that is not worth a compiler's time: what tests, command lines and reports do between calls of the library.
function(fovea_lightly_optimised target)
  target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>)
endfunction()

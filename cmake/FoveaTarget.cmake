# What every target of this project has.
function(fovea_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow $<$<BOOL:${FOVEA_WERROR}>:-Werror>>)
endfunction()

# CMake 3.25 does not know C++20 for nvcc 13. Device code is stored compressed: a fifth of nvcc's default.
function(fovea_cuda_options target)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-lineinfo;--expt-relaxed-constexpr;--compress-mode=size;-Xcompiler=-Wall>")
endfunction()

# Parses cmake/precompiled.h, and further headers, once for all sources of a target: half the time of a small source.
# Links fmt, which is in there. -fpch-preprocess is what lets ccache see through it.
#   fovea_precompile(<target> [<header>...])
#   fovea_precompile(<target> REUSE_FROM <other>)    with the flags of the other target
function(fovea_precompile target)
  cmake_parse_arguments(ARG "" "REUSE_FROM" "" ${ARGN})
  target_link_libraries(${target} PRIVATE fmt::fmt)
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

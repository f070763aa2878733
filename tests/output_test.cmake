# Runs a program and compares what it prints with a file, if there is one.
#   cmake -D PROGRAM=<program> -D EXPECTED=<file> -P tests/output_test.cmake
cmake_minimum_required(VERSION 3.24)
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT EXISTS ${EXPECTED})
  return()
endif()
file(READ ${EXPECTED} expected)
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "${EXPECTED} holds:\n${expected}\nbut ${PROGRAM} printed:\n${printed}")
endif()

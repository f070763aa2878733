# Checks that every public function of core, data, nn, losses and models has a caller in them, in an example or in a snippet of the
# docs, or stands in public_functions.txt with its reason.
#   cmake -D SOURCE=<repository> -D "HEADERS=core/ops.h|..." -P tests/callers_test.cmake         HEADERS: the installed ones
cmake_minimum_required(VERSION 3.24)
include(${CMAKE_CURRENT_LIST_DIR}/verdict.cmake)
find_program(AWK awk REQUIRED)
string(REPLACE "|" ";" headers "${HEADERS}")
set(callers "")
foreach(folder core data nn losses models examples docs/snippets)
  file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/${folder}/*.h ${SOURCE}/${folder}/*.cpp)
  list(APPEND callers ${files})
endforeach()
execute_process(COMMAND ${AWK} -f ${CMAKE_CURRENT_LIST_DIR}/public_functions.awk part=list tests/public_functions.txt
                        part=declare ${headers} part=use ${callers}
                WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "([0-9]+) public functions\n$" total "${said}")
string(REPLACE "${total}" "" broken "${said}")
verdict(callers "${CMAKE_MATCH_1}" "public functions" "${broken}")

# Fails when an object that is compiled for a larger instruction set defines a shared inline function: the linker keeps one
# copy of each, and might keep one that the CPU cannot run (kernels/isa.h).
#   cmake -DNM=nm -DISA=2 -DOBJECTS=a.o|b.o -P isa_symbols.cmake         ISA: the value of kernels::Isa
string(REPLACE "|" ";" objects "${OBJECTS}")
foreach(object ${objects})
  execute_process(COMMAND ${NM} --demangle --defined-only ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]* [WVu] [^\n]*" shared "${symbols}")
  foreach(symbol ${shared})
    if(NOT symbol MATCHES "\\(fovea::kernels::Isa\\)${ISA}")
      message(SEND_ERROR "${object}: ${symbol}")
    endif()
  endforeach()
endforeach()

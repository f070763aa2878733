# Packaging and source rules: run as tests, each a command of its own.
add_test(NAME "each layer includes only what lies below it"
         COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/layers_test.cmake)
add_test(NAME "files are short and captures are explicit"
         COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/source_test.cmake)
add_test(NAME "every public header compiles alone"
         COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target fovea_verify_interface_header_sets)

# The library installs, and a project outside uses it: found as a package, and as a subdirectory. The second one builds the
# library once more, unoptimised and for the CPU alone.
set(prefix ${CMAKE_CURRENT_BINARY_DIR}/prefix)
set(consumer_options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DCMAKE_CXX_FLAGS=${CMAKE_CXX_FLAGS}" -DCMAKE_BUILD_TYPE=)
function(fovea_consumer_test name folder)
  add_test(NAME ${name}
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/consumer ${CMAKE_CURRENT_BINARY_DIR}/${folder}
                   --build-generator ${CMAKE_GENERATOR} --build-options ${consumer_options} ${ARGN} --test-command consumer)
endfunction()
add_test(NAME "the library installs" COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${prefix})
set_tests_properties("the library installs" PROPERTIES FIXTURES_SETUP installed)
fovea_consumer_test("a project finds the installed package" consumer -DCMAKE_PREFIX_PATH=${prefix})
set_tests_properties("a project finds the installed package" PROPERTIES FIXTURES_REQUIRED installed)
fovea_consumer_test("a project adds the source tree as a subdirectory" subproject -DFOVEA_SOURCE=${PROJECT_SOURCE_DIR} -DFOVEA_CUDA=OFF)

set_tests_properties("every public header compiles alone" "a project adds the source tree as a subdirectory"
                     PROPERTIES LABELS slow PROCESSORS 2 COST 1000 TIMEOUT 1200)

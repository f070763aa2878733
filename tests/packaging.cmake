# Packaging and source rules: run as tests, each a command of its own.
add_test(NAME "each layer includes only what lies below it"
         COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/layers_test.cmake)
add_test(NAME "every method has its type, program, page, row and fixture"
         COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/methods_test.cmake)
add_test(NAME "files and functions are short and captures are explicit"
         COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/source_test.cmake)
get_target_property(headers fovea HEADER_SET)
list(TRANSFORM headers REPLACE "^${PROJECT_BINARY_DIR}/include/fovea/" "")
list(FILTER headers INCLUDE REGEX "^(core|data|nn|losses|models)/")
list(JOIN headers "|" headers)
add_test(NAME "every public function has a caller or a reason"
         COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -D HEADERS=${headers} -P ${CMAKE_CURRENT_SOURCE_DIR}/callers_test.cmake)

# The library installs, and a project outside uses it: found as a package, and as a subdirectory. The subdirectory builds the
# library once more, as a static one, for the CPU alone and optimised as little as a program that trains allows; that build is
# installed and found as well.
set(prefix ${CMAKE_CURRENT_BINARY_DIR}/prefix)
set(static_prefix ${CMAKE_CURRENT_BINARY_DIR}/static_prefix)
set(consumer_options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=$<$<BOOL:${FOVEA_CCACHE}>:${FOVEA_CCACHE}>"
                     "-DCMAKE_CXX_FLAGS=${CMAKE_CXX_FLAGS}" -DCMAKE_BUILD_TYPE=)
function(fovea_consumer_test name folder)
  add_test(NAME ${name}
           COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/consumer ${CMAKE_CURRENT_BINARY_DIR}/${folder}
                   --build-generator ${CMAKE_GENERATOR} --build-noclean --build-options ${consumer_options} ${ARGN}
                   --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure)
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "${FOVEA_CCACHE_SETTINGS}")
endfunction()
add_test(NAME "the library installs" COMMAND ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --prefix ${prefix})
add_test(NAME "every installed header compiles alone"
         COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/headers_test.sh ${prefix} ${CMAKE_CXX_COMPILER})
fovea_consumer_test("a project trains with the installed package" consumer -DCMAKE_PREFIX_PATH=${prefix})
fovea_consumer_test("a project trains with the source tree as a subdirectory" subproject -DFOVEA_SOURCE=${PROJECT_SOURCE_DIR}
                    -DFOVEA_CUDA=OFF -DFOVEA_INSTALL=ON)
add_test(NAME "the static library installs"
         COMMAND ${CMAKE_COMMAND} --install ${CMAKE_CURRENT_BINARY_DIR}/subproject --prefix ${static_prefix})
fovea_consumer_test("a project trains with the installed static package" static_consumer -DCMAKE_PREFIX_PATH=${static_prefix})

set_tests_properties("the library installs" PROPERTIES FIXTURES_SETUP installed)
set_tests_properties("every installed header compiles alone" "a project trains with the installed package" PROPERTIES FIXTURES_REQUIRED installed)
set_tests_properties("a project trains with the source tree as a subdirectory" PROPERTIES FIXTURES_SETUP static_build)
set_tests_properties("the static library installs" PROPERTIES FIXTURES_REQUIRED static_build FIXTURES_SETUP static_installed)
set_tests_properties("a project trains with the installed static package" PROPERTIES FIXTURES_REQUIRED static_installed)
set_tests_properties("a project trains with the installed package" PROPERTIES LABELS program)
set_tests_properties("the static library installs" "a project trains with the installed static package" PROPERTIES LABELS slow)
set_tests_properties("every installed header compiles alone" "a project trains with the source tree as a subdirectory"
                     PROPERTIES LABELS slow PROCESSORS 2 COST 1000 TIMEOUT 1200)

# petfood_test(NAME name SOURCES ... LIBS ... [LABELS ...]): one test program, known to ctest.
# The thread sanitizer cannot see the atomics inside the distribution's libraries, so what they touch is left out; locks count.
# Labels: fast (part of tools/test --fast), thread (also run under the thread sanitizer).
include(CTest)
function(petfood_test)
	cmake_parse_arguments(T "" "NAME" "SOURCES;LIBS;LABELS;ARGS" ${ARGN})
	add_executable(${T_NAME} ${T_SOURCES})
	target_link_libraries(${T_NAME} PRIVATE ${T_LIBS})
	add_test(NAME ${T_NAME} COMMAND ${T_NAME} ${T_ARGS} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
	set_tests_properties(${T_NAME} PROPERTIES LABELS "${T_LABELS}" TIMEOUT 300
		ENVIRONMENT "ASAN_OPTIONS=detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=ignore_noninstrumented_modules=1")
endfunction()

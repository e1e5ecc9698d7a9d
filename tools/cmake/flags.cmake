# Compiler flags; each with its reason. Flavours: CMAKE_BUILD_TYPE Release|Debug, PETFOOD_SANITIZE address|thread|"",
# PETFOOD_COVERAGE, PETFOOD_FUZZ.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(PETFOOD_SANITIZE "" CACHE STRING "address, thread or nothing")
option(PETFOOD_COVERAGE "count which lines run, for gcovr" OFF)
option(PETFOOD_FUZZ "make libFuzzer programs of tests/fuzz; clang only, with the address sanitizer" OFF)
if(PETFOOD_FUZZ)
	if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
		message(FATAL_ERROR "PETFOOD_FUZZ needs clang: -DCMAKE_C_COMPILER=clang")
	endif()
	set(PETFOOD_SANITIZE address)
	add_compile_options(-fsanitize=fuzzer-no-link) # every branch tells the fuzzer that it was taken
endif()

add_compile_definitions(_GNU_SOURCE)         # memmem, accept4, pipe2, ppoll
add_compile_options(
	-Wall -Wextra -Werror                # a warning is a defect that nobody has met yet
	-Wshadow                             # a shadowed name is read as the wrong one
	-Wstrict-prototypes -Wmissing-prototypes # a function is declared in a header or static
	-Wvla                                # stack use stays bounded
	-Wformat=2                           # no format from outside
	-Wundef                              # a misspelt macro is not 0
	-Wno-missing-field-initializers      # { 0 } and partial tables are the house style
	-Wno-missing-braces                  # ..._INIT of protobuf-c for an optional bytes field
	-fno-strict-aliasing                 # protobuf-c reads structs through its base type
	-fno-omit-frame-pointer              # profiles and sanitizer reports need frames
	-fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	add_compile_options(-Wno-format-truncation) # cutting a text to its buffer is what snprintf is for
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
	set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")   # asserts stay on: they guard our own mistakes
	if(PETFOOD_SANITIZE STREQUAL "")
		add_compile_definitions(_FORTIFY_SOURCE=2)
	endif()
endif()
if(PETFOOD_SANITIZE STREQUAL "address")
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
	add_link_options(-fsanitize=address,undefined)
elseif(PETFOOD_SANITIZE STREQUAL "thread")
	add_compile_options(-fsanitize=thread)
	add_link_options(-fsanitize=thread)
elseif(NOT PETFOOD_SANITIZE STREQUAL "")
	message(FATAL_ERROR "PETFOOD_SANITIZE is address, thread or empty")
endif()
if(PETFOOD_COVERAGE)
	add_compile_options(--coverage -O0 -fprofile-update=atomic) # tests have threads: lost counts would come out negative
	add_link_options(--coverage)
endif()
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/gen)
find_program(CCACHE ccache)
if(CCACHE)
	set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

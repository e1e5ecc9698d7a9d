# cmake -DENGINE=sqlite -DFROM=store/schema -DOUT=schema_sqlite.c -P embed.cmake
# Writes the table of store/schema/migration.h. A file is NNNN_name.sql; numbers start at 1 and have no gaps. A migration
# that has been released is never edited: its checksum is recorded in every database that has run it.
# In CMakeLists.txt: include(${PROJECT_SOURCE_DIR}/store/schema/embed.cmake), then petfood_schema(sqlite VARIABLE).
if(NOT CMAKE_SCRIPT_MODE_FILE)
	set(PETFOOD_EMBED_SCHEMA ${CMAKE_CURRENT_LIST_FILE})
	function(petfood_schema engine out_variable)
		set(from ${PROJECT_SOURCE_DIR}/store/schema)
		set(out ${PROJECT_BINARY_DIR}/gen/store/schema/schema_${engine}.c)
		file(GLOB files CONFIGURE_DEPENDS ${from}/*.sql)
		add_custom_command(OUTPUT ${out}
			COMMAND ${CMAKE_COMMAND} -DENGINE=${engine} -DFROM=${from} -DOUT=${out} -P ${PETFOOD_EMBED_SCHEMA}
			DEPENDS ${files} ${PETFOOD_EMBED_SCHEMA} COMMENT "schema: ${engine}" VERBATIM)
		set(${out_variable} ${out} PARENT_SCOPE)
	endfunction()
	return()
endif()

# Types per engine. SQLite keeps instants as microseconds since 1970 UTC; JSON is text in both, so that it comes back byte for byte.
set(TYPE_sqlite time=integer json=text bytes=blob number=real)

file(GLOB files ${FROM}/*.sql)
list(SORT files)
set(rows "")
set(bodies "")
set(expected 1)
foreach(file ${files})
	get_filename_component(base ${file} NAME_WE)
	if(NOT base MATCHES "^([0-9][0-9][0-9][0-9])_([a-z_0-9]+)$")
		message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
	endif()
	set(name ${CMAKE_MATCH_2})
	string(REGEX REPLACE "^0+" "" version ${CMAKE_MATCH_1})
	if(NOT version EQUAL expected)
		message(FATAL_ERROR "${file}: number ${expected} was expected")
	endif()
	math(EXPR expected "${expected} + 1")
	file(SHA256 ${file} checksum)
	file(READ ${file} sql)
	foreach(pair ${TYPE_${ENGINE}})
		string(REGEX MATCH "^([a-z]+)=(.+)$" whole ${pair})
		string(REPLACE "{${CMAKE_MATCH_1}}" "${CMAKE_MATCH_2}" sql "${sql}")
	endforeach()
	if(sql MATCHES "{[a-z]+}")
		message(FATAL_ERROR "${file}: ${CMAKE_MATCH_0} is no type of ${ENGINE}")
	endif()
	string(HEX "${sql}" hex) # bytes, not a string literal: no quoting rules to get wrong
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
	string(APPEND bodies "static const char sql_${version}[] = { ${hex}0 };\n")
	string(APPEND rows "\t{ ${version}, \"${name}\", \"${checksum}\", sql_${version} },\n")
endforeach()
file(WRITE ${OUT} "/* From the files of store/schema by embed.cmake; not edited by hand. */
#include \"store/schema/migration.h\"

${bodies}
const struct migration schema_${ENGINE}[] = {
${rows}};
const size_t schema_${ENGINE}_count = sizeof schema_${ENGINE} / sizeof schema_${ENGINE}[0];
")

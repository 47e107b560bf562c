# kernels_once: a program that links it finds the kernels that most programs of this tree call compiled already. Off
# (CREST_KERNELS_ONCE), each program compiles its own, as a user's does. Programs with the property KERNEL_TEXT bring
# text of their own that must come first; they include tests/support/kernels.hpp where they want it. Those with the
# property PRECOMPILED get that header with others that were read once (tests/CMakeLists.txt).
option(CREST_KERNELS_ONCE "Compile the kernels that many tests and examples call once for all of them" OFF)
add_library(kernels_once INTERFACE)
if(NOT CREST_KERNELS_ONCE)
  return()
endif()

set(list ${PROJECT_SOURCE_DIR}/tests/support/kernels.hpp)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
file(STRINGS ${list} kernels REGEX "^extern template")
add_library(kernels_compiled STATIC)
foreach(kernel IN LISTS kernels)
  string(REGEX MATCH "TaskKernels<([a-z0-9_:]+), ([A-Za-z:]+)>" whole ${kernel})
  set(element ${CMAKE_MATCH_1})
  set(recipe ${CMAKE_MATCH_2})
  string(REGEX REPLACE "[a-z]+::" "" name kernels_${element}_${recipe})
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/tests/support/kernels.cpp)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    CREST_KERNELS_ONCE CREST_TEST_ELEMENT=${element} CREST_TEST_RECIPE=${recipe})
  target_link_libraries(${name} PRIVATE crest::crest)
  crest_warnings(${name})
  target_sources(kernels_compiled PRIVATE $<TARGET_OBJECTS:${name}>)
endforeach()
target_compile_definitions(kernels_once INTERFACE CREST_KERNELS_ONCE)
set(has_it "$<OR:$<BOOL:$<TARGET_PROPERTY:KERNEL_TEXT>>,$<BOOL:$<TARGET_PROPERTY:PRECOMPILED>>>")
target_compile_options(kernels_once INTERFACE "$<$<NOT:${has_it}>:SHELL:-include ${list}>")
target_link_libraries(kernels_once INTERFACE kernels_compiled)

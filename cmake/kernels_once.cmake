# kernels_once: a program that links it finds the kernels that most programs of this tree call compiled already. Off
# (CREST_KERNELS_ONCE), each program compiles its own, as a user's does. Programs with the property KERNEL_TEXT bring
# text of their own that must come first; they include tests/support/kernels.hpp where they want it.
option(CREST_KERNELS_ONCE "Compile the kernels that many tests and examples call once for all of them" OFF)
add_library(kernels_once INTERFACE)
if(NOT CREST_KERNELS_ONCE)
  return()
endif()

add_library(kernels_compiled STATIC)
foreach(pair IN ITEMS
    float:crest::Exact crest::f16:crest::Exact crest::bf16:crest::Exact float:test::Rescaled crest::f16:test::Rescaled
    float:crest::Clustered crest::f16:crest::Clustered float:crest::Guided crest::f16:crest::Guided
    float:crest::Hardmax float:crest::Localmax float:crest::Mixed float:crest::Sparse crest::f16:crest::Sparse)
  string(REGEX MATCH "^(crest::)?([a-z0-9]+):([a-z]+::)([A-Za-z]+)$" whole ${pair})
  set(name kernels_${CMAKE_MATCH_2}_${CMAKE_MATCH_4})
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/tests/support/kernels.cpp)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE CREST_TEST_ELEMENT=${CMAKE_MATCH_1}${CMAKE_MATCH_2}
                                             CREST_TEST_RECIPE=${CMAKE_MATCH_3}${CMAKE_MATCH_4})
  target_compile_definitions(${name} PRIVATE CREST_KERNELS_ONCE)
  target_link_libraries(${name} PRIVATE crest::crest)
  crest_warnings(${name})
  target_sources(kernels_compiled PRIVATE $<TARGET_OBJECTS:${name}>)
endforeach()
target_compile_definitions(kernels_once INTERFACE CREST_KERNELS_ONCE)
target_compile_options(kernels_once INTERFACE
  "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:KERNEL_TEXT>>>:SHELL:-include ${PROJECT_SOURCE_DIR}/tests/support/kernels.hpp>")
target_link_libraries(kernels_once INTERFACE kernels_compiled)

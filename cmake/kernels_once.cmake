# kernels_once: a program that links it finds kernels compiled already that many programs of this tree call. Without
# CREST_KERNELS_ONCE each program compiles its own, as a user's does. Programs with the property KERNEL_TEXT bring text
# of their own that must come first; they include tests/support/kernels.hpp where they want it. crest_precompiled()
# gives a program that header with others that were read once.
set(CREST_KERNELS_ONCE "" CACHE STRING "Kernels compiled once for tests and examples: all, or those listed, as float Exact;crest::f16 Guided")
add_library(kernels_once INTERFACE)
if(NOT CREST_KERNELS_ONCE)
  function(crest_precompiled name)
  endfunction()
  return()
endif()

# A type of cache and a recipe each.
set(kernels ${CREST_KERNELS_ONCE})
if(kernels STREQUAL "all")
  set(kernels
    "float Exact" "crest::f16 Exact" "crest::bf16 Exact" "crest::q8_0 Exact" "crest::q4_0 Exact" "crest::i8 Exact"
    "crest::i4x32 Exact" "float Rescaled" "crest::f16 Rescaled" "crest::bf16 Rescaled" "float Clustered"
    "crest::f16 Clustered" "float Guided" "crest::f16 Guided" "float Hardmax" "float Localmax" "float Peaked"
    "float Banded" "crest::q4_0 Integer" "crest::i8 Integer" "float Mixed" "crest::f16 Mixed" "crest::bf16 Mixed"
    "float Sparse" "crest::f16 Sparse")
endif()

# The list as tests/support/kernels.hpp includes it, and a library of what stands there.
set(folder ${PROJECT_BINARY_DIR}/kernels_once)
set(list ${folder}/kernels_once.inl)
set(declared)
add_library(kernels_compiled STATIC)
foreach(kernel IN LISTS kernels)
  string(REPLACE " " ";" kernel "${kernel}")
  list(POP_FRONT kernel element recipe)
  string(APPEND declared "extern template struct crest::TaskKernels<${element}, test::shared::${recipe}>;\n")
  string(REPLACE "crest::" "" name kernels_${element}_${recipe})
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/tests/support/kernels.cpp)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${folder})
  target_compile_definitions(${name} PRIVATE
    CREST_KERNELS_ONCE CREST_TEST_ELEMENT=${element} CREST_TEST_RECIPE=test::shared::${recipe})
  target_link_libraries(${name} PRIVATE crest::crest)
  crest_warnings(${name})
  target_sources(kernels_compiled PRIVATE $<TARGET_OBJECTS:${name}>)
endforeach()
file(CONFIGURE OUTPUT ${list} CONTENT "${declared}")

target_compile_definitions(kernels_once INTERFACE CREST_KERNELS_ONCE)
target_include_directories(kernels_once INTERFACE ${folder})
set(header ${PROJECT_SOURCE_DIR}/tests/support/kernels.hpp)
set(has_it "$<OR:$<BOOL:$<TARGET_PROPERTY:KERNEL_TEXT>>,$<BOOL:$<TARGET_PROPERTY:PRECOMPILED>>>")
target_compile_options(kernels_once INTERFACE "$<$<NOT:${has_it}>:SHELL:-include ${header}>")
target_link_libraries(kernels_once INTERFACE kernels_compiled)

# Where kernels are compiled once, the headers of all programs are too: reading them takes half the time of a small one.
find_package(GTest REQUIRED)
find_package(Threads REQUIRED)
add_library(precompiled OBJECT ${PROJECT_SOURCE_DIR}/tests/support/precompiled.cpp)
target_include_directories(precompiled PRIVATE ${PROJECT_SOURCE_DIR}/tests ${folder})
target_link_libraries(precompiled PRIVATE crest::crest GTest::gtest Threads::Threads)
target_compile_definitions(precompiled PRIVATE CREST_KERNELS_ONCE)
target_precompile_headers(precompiled PRIVATE ${header} <gtest/gtest.h> <crest/crest.hpp>)
crest_warnings(precompiled)

# crest_precompiled(<name>): lets a program that links kernels_once use these headers.
function(crest_precompiled name)
  target_precompile_headers(${name} REUSE_FROM precompiled)
  target_compile_options(${name} PRIVATE $<TARGET_PROPERTY:GTest::gtest,INTERFACE_COMPILE_OPTIONS>)
  # Precompiled, g++ forgets where the kernels ask it not to warn of its own intrinsics.
  target_compile_options(${name} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>)
  set_target_properties(${name} PROPERTIES PRECOMPILED ON)
endfunction()

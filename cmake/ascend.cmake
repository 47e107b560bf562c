# The kernels for an NPU, where CANN is installed: target crest::ascend.
#
#   cmake -S . -B build -DCREST_ASCEND=ON -DSOC_VERSION=Ascend910B3     # or Ascend310P3
#
# Off by default. ASCEND_HOME_PATH comes from CANN's set_env.sh. RUN_MODE: npu (default), cpu (CPU debugging) or sim.
# Mind the name: Ascend910B without a digit is an older chip.
option(CREST_ASCEND "Build the Ascend C kernels with CANN" OFF)
if(NOT CREST_ASCEND)
  return()
endif()
if(NOT DEFINED ENV{ASCEND_HOME_PATH})
  message(FATAL_ERROR "CREST_ASCEND: ASCEND_HOME_PATH is not set; source CANN's set_env.sh first")
endif()

set(SOC_VERSION Ascend910B3 CACHE STRING "Chip: Ascend910B1 .. Ascend910B4, Ascend310P1, Ascend310P3")
set(RUN_MODE npu CACHE STRING "npu, cpu or sim")
set(ASCEND_CANN_PACKAGE_PATH $ENV{ASCEND_HOME_PATH} CACHE PATH "CANN toolkit")

find_path(CREST_ASCENDC_CMAKE ascendc.cmake NO_DEFAULT_PATH HINTS
  ${ASCEND_CANN_PACKAGE_PATH}/tools/tikcpp/ascendc_kernel_cmake
  ${ASCEND_CANN_PACKAGE_PATH}/compiler/tikcpp/ascendc_kernel_cmake
  ${ASCEND_CANN_PACKAGE_PATH}/ascendc_devkit/tikcpp/samples/cmake)
if(NOT CREST_ASCENDC_CMAKE)
  message(FATAL_ERROR "CREST_ASCEND: no ascendc.cmake under ${ASCEND_CANN_PACKAGE_PATH}")
endif()
include(${CREST_ASCENDC_CMAKE}/ascendc.cmake)

# The compiler for the device wants a source file; the kernels are headers.
set(source ${PROJECT_BINARY_DIR}/ascend/crest_kernels.cpp)
file(WRITE ${source} "#include \"crest/ascend/kernels.h\"\n")
ascendc_library(crest_ascend_kernels STATIC ${source})
ascendc_include_directories(crest_ascend_kernels PRIVATE ${PROJECT_SOURCE_DIR}/include)

add_library(crest_ascend INTERFACE)
add_library(crest::ascend ALIAS crest_ascend)
target_include_directories(crest_ascend INTERFACE ${ASCEND_CANN_PACKAGE_PATH}/include)
target_link_libraries(crest_ascend INTERFACE crest::crest crest_ascend_kernels
  ${ASCEND_CANN_PACKAGE_PATH}/lib64/libascendcl.so)

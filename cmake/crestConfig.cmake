include(${CMAKE_CURRENT_LIST_DIR}/crestTargets.cmake)

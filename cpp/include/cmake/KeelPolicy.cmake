# keel_add_policy(NAME source...): a plugin NAME.so from C or C++ sources that use <keel/policy.hpp>
# or <keel/abi.h>. It links nothing of Keel, exports one symbol, and every other symbol it uses must
# be found when it is linked and when it is loaded.

get_filename_component(_keel_package "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
# Installed as keel/cmake beside keel/include; in the source tree include/cmake lies in include.
if(EXISTS "${_keel_package}/include/keel/abi.h")
  set(KEEL_INCLUDE_DIR "${_keel_package}/include")
else()
  set(KEEL_INCLUDE_DIR "${_keel_package}")
endif()
set(KEEL_PLUGIN_MAP "${CMAKE_CURRENT_LIST_DIR}/keel_plugin.map")
unset(_keel_package)

function(keel_add_policy name)
  if(NOT ARGN)
    message(FATAL_ERROR "keel_add_policy(${name}): wanted at least one source file")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_include_directories(${name} PRIVATE "${KEEL_INCLUDE_DIR}")
  target_compile_features(${name} PRIVATE cxx_std_20)
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so" POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS "${KEEL_PLUGIN_MAP}")
  target_link_options(${name} PRIVATE "LINKER:--version-script=${KEEL_PLUGIN_MAP}" LINKER:-z,now)
  # Clang leaves the sanitizers' own symbols to the program that loads the plugin.
  if(NOT (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND KEEL_SANITIZE))
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()

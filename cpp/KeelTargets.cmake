# How every target of the house is made: one target per cpp/ folder, the same warnings everywhere.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(keel_warnings INTERFACE)
target_compile_options(keel_warnings INTERFACE
  -Wall -Wextra -Wshadow -Werror -Wno-missing-field-initializers
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  # g++ 12 warns of overlap in every `"literal" + std::string` (GCC bug 105651), and of
  # uninitialised members in moved variants (GCC bug 105562); clang-tidy and the sanitizers look
  # for both.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized>)
if(KEEL_SANITIZE)
  add_compile_options(-fsanitize=${KEEL_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KEEL_SANITIZE})
  if(KEEL_SANITIZE MATCHES thread)
    # Asio's fences: the sanitizer does not see them (and g++ says so), but every hand-over between
    # threads in Asio is by a mutex too.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# keel_layer(NAME USES a b c): the static library of cpp/NAME. "May use" is transitive.
function(keel_layer name)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(sources)
    add_library(keel_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(keel_${name} PRIVATE keel_warnings)
  else()
    add_library(keel_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(keel_${name} ${scope}
    ${PROJECT_SOURCE_DIR}/cpp ${PROJECT_SOURCE_DIR}/cpp/include)
  target_link_libraries(keel_${name} ${scope} ${arg_USES})
endfunction()

# keel_test(NAME USES ...): every tests/cpp/NAME/*_test.cpp in one program, one ctest entry.
function(keel_test name)
  cmake_parse_arguments(arg "NO_UNITY" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE
    keel_warnings ${arg_USES} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/cpp)
  target_compile_definitions(test_${name} PRIVATE
    KEEL_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KEEL_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME cpp.${name} COMMAND test_${name} --gtest_brief=1)
endfunction()

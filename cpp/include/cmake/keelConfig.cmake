# find_package(keel): the headers and keel_add_policy() for those who write policies. Relocatable:
# everything is found beside this file. python -m keel --cmake-dir prints where it is.
include("${CMAKE_CURRENT_LIST_DIR}/KeelPolicy.cmake")

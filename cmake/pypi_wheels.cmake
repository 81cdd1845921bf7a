# Only setup.py includes this file; a real ROS 2 installation never sees it.
#
# The ROS wheels on PyPI export include directories of the machine that built them, and CMake
# refuses to generate while those are missing. And a virtual environment that lies inside the
# checkout makes numpy's headers a path "prefixed in the source directory", which CMake refuses to
# export. Neither is needed by anyone downstream, so both are dropped from the interfaces.
function(drop_wheel_includes)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  list(APPEND targets ${PROJECT_NAME}__rosidl_generator_py)
  foreach(target IN LISTS targets)
    if(target MATCHES "__rosidl_generator_py$" AND TARGET ${target})
      set_property(TARGET ${target} PROPERTY INTERFACE_INCLUDE_DIRECTORIES "")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL drop_wheel_includes)

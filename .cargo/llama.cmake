# Read by llama.cpp's CMake project (llama-cpp-sys-2 hands every CMAKE_* variable on). Its helper library `common` is
# built by the crate's default feature, which `llama-cpp-2` does not let us turn off; nothing here links it.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "" FORCE)

# CMake toolchain for C programs that run in cages:
#   cmake -S SOURCE -B BUILD --toolchain PREFIX/share/lind/lind-toolchain.cmake
# The file finds its installation from its own place.
get_filename_component(LIND_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER "${LIND_PREFIX}/bin/lind-cc")
set(CMAKE_ASM_COMPILER "${LIND_PREFIX}/bin/lind-cc")
set(CMAKE_AR "${LIND_PREFIX}/bin/lind-ar" CACHE FILEPATH "archiver")
set(CMAKE_RANLIB "${LIND_PREFIX}/bin/lind-ranlib" CACHE FILEPATH "archive indexer")
set(CMAKE_C_COMPILER_AR "${CMAKE_AR}" CACHE FILEPATH "archiver for LTO objects")
set(CMAKE_C_COMPILER_RANLIB "${CMAKE_RANLIB}" CACHE FILEPATH "archive indexer for LTO objects")
set(CMAKE_NM "${LIND_PREFIX}/bin/lind-nm" CACHE FILEPATH "symbol lister")
set(CMAKE_STRIP "${LIND_PREFIX}/bin/lind-strip" CACHE FILEPATH "symbol remover")
set(CMAKE_OBJDUMP "${LIND_PREFIX}/bin/lind-objdump" CACHE FILEPATH "disassembler")

# Programs are static; what a build asks about them is asked in a cage.
set(BUILD_SHARED_LIBS OFF CACHE BOOL "programs in cages are static")
set(CMAKE_CROSSCOMPILING_EMULATOR "${LIND_PREFIX}/bin/lind-run")

# Headers and libraries of the cages only, tools of the host only.
set(CMAKE_SYSROOT "")
set(CMAKE_FIND_ROOT_PATH "${LIND_PREFIX}/lib/lind/sysroot")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} "${LIND_PREFIX}/lib/lind/sysroot/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")

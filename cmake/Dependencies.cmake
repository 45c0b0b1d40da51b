# Every third-party library, and nothing else. tools/setup installs them; docs/adr/ says why these.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(date REQUIRED)
find_package(ZLIB REQUIRED)
find_package(zstd REQUIRED)
pkg_check_modules(libdeflate REQUIRED IMPORTED_TARGET libdeflate)
if(NOT TARGET zstd::zstd)
  add_library(zstd::zstd ALIAS zstd::libzstd_shared)
endif()
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
if(CATCHMENT_TESTS)
  find_package(GTest REQUIRED)
endif()
if(CATCHMENT_BENCH)
  find_package(benchmark REQUIRED)
endif()

if(DEFINED ENV{CATCHMENT_DEPS})
  set(CATCHMENT_DEPS "$ENV{CATCHMENT_DEPS}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(CATCHMENT_DEPS "$ENV{XDG_CACHE_HOME}/catchment/deps")
else()
  set(CATCHMENT_DEPS "$ENV{HOME}/.cache/catchment/deps")
endif()
set(CATCHMENT_ARROW_ROOT "${CATCHMENT_DEPS}/arrow-25.0.1")
set(CATCHMENT_DUCKDB_ROOT "${CATCHMENT_DEPS}/duckdb-1.4.4")
if(NOT EXISTS "${CATCHMENT_ARROW_ROOT}/.digest" OR NOT EXISTS "${CATCHMENT_DUCKDB_ROOT}/.digest")
  message(FATAL_ERROR "Arrow or DuckDB is missing in ${CATCHMENT_DEPS}; run tools/setup")
endif()

# The wheel has no CMake config, and its library names carry the ABI version. The core library comes last: the
# others refer to it.
add_library(Arrow::arrow INTERFACE IMPORTED)
target_include_directories(Arrow::arrow SYSTEM INTERFACE "${CATCHMENT_ARROW_ROOT}/include")
foreach(library dataset acero parquet compute "")
  if(library STREQUAL "")
    set(path "${CATCHMENT_ARROW_ROOT}/lib/libarrow.so.2500")
  elseif(library STREQUAL "parquet")
    set(path "${CATCHMENT_ARROW_ROOT}/lib/libparquet.so.2500")
  else()
    set(path "${CATCHMENT_ARROW_ROOT}/lib/libarrow_${library}.so.2500")
  endif()
  add_library(Arrow::lib_${library} SHARED IMPORTED)
  set_target_properties(Arrow::lib_${library} PROPERTIES IMPORTED_LOCATION "${path}" IMPORTED_NO_SONAME OFF
    IMPORTED_SONAME "$<PATH:GET_FILENAME,${path}>")
  target_link_libraries(Arrow::arrow INTERFACE Arrow::lib_${library})
endforeach()

add_library(DuckDB::duckdb SHARED IMPORTED)
set_target_properties(DuckDB::duckdb PROPERTIES
  IMPORTED_LOCATION "${CATCHMENT_DUCKDB_ROOT}/lib/libduckdb.so" IMPORTED_SONAME libduckdb.so
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${CATCHMENT_DUCKDB_ROOT}/include"
  INTERFACE_INCLUDE_DIRECTORIES "${CATCHMENT_DUCKDB_ROOT}/include")

# libparquet of the wheel exports unversioned OpenSSL symbols. Whoever links Arrow names these first, so that
# the loader finds the system's (columnar_test checks it).
add_library(catchment_link_order INTERFACE)
target_link_libraries(catchment_link_order INTERFACE
  OpenSSL::SSL OpenSSL::Crypto CURL::libcurl simdjson::simdjson)
add_library(catchment::link_order ALIAS catchment_link_order)

# `cmake --install` and the .deb: the programs, the pipelines and worlds, and the shared libraries of Arrow and
# DuckDB beside them, found by an $ORIGIN-relative run path.
#
#   bin/catchment                              the light program
#   libexec/catchment/catchment-engine         the other one; docs/adr/0002 says why there are two
#   lib/catchment/lib*.so*                     Arrow, Parquet, DuckDB: private, not on the loader's path
#   share/catchment/{pipelines,worlds}         what ships with it
#   share/doc/catchment                        README, licence, documentation
if(NOT TARGET catchment OR NOT TARGET catchment_engine)
  return()
endif()

# The private libraries lie at the same place relative to the engine wherever the tree is put.
set(private_lib lib/catchment)
set_target_properties(catchment PROPERTIES INSTALL_RPATH "")
set_target_properties(catchment_engine PROPERTIES INSTALL_RPATH "$ORIGIN/../../${private_lib}")

file(GLOB private_libraries
  "${CATCHMENT_ARROW_ROOT}/lib/libarrow*.so.*" "${CATCHMENT_ARROW_ROOT}/lib/libparquet*.so.*"
  "${CATCHMENT_DUCKDB_ROOT}/lib/libduckdb.so")
install(TARGETS catchment RUNTIME DESTINATION bin)
install(TARGETS catchment_engine RUNTIME DESTINATION libexec/catchment)
install(PROGRAMS ${private_libraries} DESTINATION ${private_lib})
foreach(folder pipelines worlds)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION share/catchment)
  endif()
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION share/doc/catchment OPTIONAL)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION share/doc/catchment)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME catchment)
set(CPACK_PACKAGE_VENDOR Catchment)
set(CPACK_PACKAGE_CONTACT "Catchment maintainers <maintainers@catchment.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)  # the libraries come stripped; stripping again would change their digests
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, tzdata")
# dpkg-shlibdeps finds the rest; what lies in lib/catchment is our own and gives no dependency.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CATCHMENT_ARROW_ROOT}/lib;${CATCHMENT_DUCKDB_ROOT}/lib")
include(CPack)

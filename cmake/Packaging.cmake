# `cmake --install` and the .deb: the programs, the pipelines and worlds, and the shared libraries of Arrow and
# DuckDB beside them, found by an $ORIGIN-relative run path.

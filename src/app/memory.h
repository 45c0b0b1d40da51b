#pragma once

namespace catchment::app {

/// Let Arrow take its memory from the C library, unless ARROW_DEFAULT_MEMORY_POOL names another
/// pool. Its own choice keeps freed memory for later, which a run of many short steps never uses
/// again: the peak of a run of azure-spot falls by a quarter. Call first in `main`, before threads.
void ChooseMemoryPool();

}  // namespace catchment::app

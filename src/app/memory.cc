#include "app/memory.h"

#include <arrow/memory_pool.h>
#include <malloc.h>

#include <cstdlib>

namespace catchment::app {

void ChooseMemoryPool() {
  mallopt(M_ARENA_MAX, 1);
  constexpr char kVariable[] = "ARROW_DEFAULT_MEMORY_POOL";
  if (std::getenv(kVariable) != nullptr) return;
  setenv(kVariable, "system", 1);
  arrow::default_memory_pool();  // chosen once, at the first question
  unsetenv(kVariable);           // no matter of the programs that a run starts
}

}  // namespace catchment::app

#include "base/test.h"
#include "simulator/world.h"

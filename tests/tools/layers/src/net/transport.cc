#include "transport.h"
#include "base/test.h"

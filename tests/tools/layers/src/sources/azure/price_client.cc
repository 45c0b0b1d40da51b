#include "net/transport.h"
#include "simdjson.h"

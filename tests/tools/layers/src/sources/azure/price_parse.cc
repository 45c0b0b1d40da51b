#include "sources/azure/price_parse.h"
#include <fstream>
#include "net/transport.h"

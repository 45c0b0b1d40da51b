#include "sources/azure/price_parse.h"
#include "sources/source.h"

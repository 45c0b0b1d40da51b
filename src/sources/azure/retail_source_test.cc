#include "sources/azure/retail_source.h"

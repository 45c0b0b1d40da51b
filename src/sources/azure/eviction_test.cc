#include "sources/azure/eviction_client.h"

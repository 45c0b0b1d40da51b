#include "net/wire_internal.h"
#include <curl/curl.h>

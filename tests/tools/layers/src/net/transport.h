#pragma once
#include "base/ids.h"
#include <curl/curl.h>

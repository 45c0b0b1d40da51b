#pragma once
#include "base/ids.h"
#include "sources/source.h"

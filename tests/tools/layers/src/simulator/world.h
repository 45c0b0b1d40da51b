#pragma once
#include "base/ids.h"

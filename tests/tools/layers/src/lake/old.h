#pragma once
#include "sources/source.h"

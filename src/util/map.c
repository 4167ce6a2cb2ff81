#include "util/map.h"

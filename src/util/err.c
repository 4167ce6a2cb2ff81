#include "util/err.h"

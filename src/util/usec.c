#include "util/usec.h"

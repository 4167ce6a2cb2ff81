#include "util/dname.h"

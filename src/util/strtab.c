#include "util/strtab.h"

#include "util/json_view.h"

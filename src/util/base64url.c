#include "util/base64url.h"

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libknot's headers, which have macros of their own that are called like ours. */
#pragma once

#pragma push_macro("_cleanup_")
#pragma push_macro("_pure_")
#undef _cleanup_
#undef _pure_
#include <libknot/libknot.h>
#undef _cleanup_
#undef _pure_
#pragma pop_macro("_pure_")
#pragma pop_macro("_cleanup_")

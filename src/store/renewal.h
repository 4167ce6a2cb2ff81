/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a CA has said about the renewal of a slot's certificate (RFC 9773), and the moment
 * that was chosen in its window: a restart must not throw the dice again.
 */
#pragma once

#include "store/store.h"
#include "util/usec.h"

struct store_renewal {
	int64_t slot_id;
	int64_t certificate_id;   /* that it was said of; 0 = none */
	usec_t window_start_usec; /* wall, as said; both 0 = no window */
	usec_t window_end_usec;
	usec_t moment_usec;    /* wall; chosen in it */
	usec_t ask_again_usec; /* wall; not before, and not long after */
	unsigned
		n_early; /* renewals in a row that it wanted before half of a lifetime */
	int64_t early_id; /* the certificate that the last of them was counted for */
};

/* 0, STORE_E_NOT_FOUND. */
int store_renewal_load(struct store *store, int64_t slot_id, struct store_renewal *ret,
	struct err *err);
/* Adds or replaces the slot's row. */
int store_renewal_save(
	struct store *store, const struct store_renewal *renewal, struct err *err);

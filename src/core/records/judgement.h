/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a look at all servers says of a wanted record. */
#pragma once

#include "core/notice/instances.h"
#include "io/dns_survey.h"
#include "store/wanted_record.h"

enum judgement_verdict {
	JUDGEMENT_UNKNOWN, /* nobody answered */
	JUDGEMENT_NOWHERE, /* no server has it */
	JUDGEMENT_PARTLY,  /* some have it */
	JUDGEMENT_DIFFERS, /* what was meant to be it is not */
	JUDGEMENT_THERE,   /* all that answer have it */
};

struct judgement {
	enum judgement_verdict verdict;
	char *detail;  /* owned; who does not have it, or what differs; NULL: there */
	char *foreign; /* owned; a value that lets somebody else in; NULL: none */
};

/* The challenge says what fits; where its plugin is gone, what is equal. */
void judgement_make(struct judgement *ret, const struct instances *instances,
	const struct store_wanted_record *record,
	const struct dns_survey_result *result);
void judgement_done(struct judgement *judgement);

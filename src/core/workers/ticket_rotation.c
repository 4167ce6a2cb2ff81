/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ticket_rotation.h. The key itself is kept by who is told of it. */
#include "core/workers/ticket_rotation.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "util/mem.h"

/* A day has two of them: of a ticket's life (six hours in GnuTLS) most is left to most. */
#define PERIOD_USEC (12 * USEC_PER_HOUR)
/* After a key could not be made. */
#define RETRY_USEC USEC_PER_MIN

struct ticket_rotation {
	struct ticket_rotation_params in; /* borrowed members */
	struct loop_timer *timer;         /* owned; the next key */
	usec_t made_usec;                 /* the present one; monotonic */
};

static int make_key(struct ticket_rotation *rotation, struct err *err)
{
	struct link_ticket_key m;

	if (getrandom(m.key, sizeof(m.key), 0) != (ssize_t)sizeof(m.key))
		return err_set(err, -EIO, "random numbers: %s", strerror(errno));
	rotation->made_usec = loop_now(rotation->in.loop);
	rotation->in.tell(&m, rotation->in.userdata);
	link_ticket_key_done(&m);
	return 0;
}

static void on_period_over(struct loop_timer *timer, void *userdata)
{
	struct ticket_rotation *rotation = userdata;
	_cleanup_(err_done) struct err err = ERR_INIT;

	loop_timer_set_after(timer, rotation->in.period_usec);
	if (make_key(rotation, &err) >= 0) {
		log_debug(rotation->in.log, "the master key of tickets is a new one");
		return;
	}
	_cleanup_(freep) char *text = err_format(&err);
	log_error(rotation->in.log, "the master key of tickets stays: %s", text);
	loop_timer_set_after(timer, RETRY_USEC);
}

int ticket_rotation_new(struct ticket_rotation **ret,
	const struct ticket_rotation_params *params, struct err *err)
{
	_cleanup_(ticket_rotation_freep) struct ticket_rotation *rotation =
		xnew(struct ticket_rotation);

	rotation->in = *params;
	rotation->timer = loop_timer_new(params->loop, on_period_over, rotation);
	int r = make_key(rotation, err);
	if (r < 0)
		return r;
	ticket_rotation_set_period(rotation, params->period_usec);
	*ret = TAKE_PTR(rotation);
	return 0;
}

struct ticket_rotation *ticket_rotation_free(struct ticket_rotation *rotation)
{
	if (!rotation)
		return NULL;
	loop_timer_free(rotation->timer);
	free(rotation);
	return NULL;
}

void ticket_rotation_set_period(struct ticket_rotation *rotation, usec_t period_usec)
{
	rotation->in.period_usec = period_usec ? period_usec : PERIOD_USEC;
	loop_timer_set(rotation->timer,
		usec_add(rotation->made_usec, rotation->in.period_usec));
}

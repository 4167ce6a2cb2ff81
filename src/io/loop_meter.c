/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See loop_meter.h. Three clocks are read before a turn, two after it, and the third
 * only if it matters: about two microseconds a turn. The wall's clock is read first and
 * last, so that what the others say lies within its span: where the process loses the
 * processor between two of these calls, no more is taken off than is there.
 */
#include "io/loop_meter.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/mem.h"

/* "on_cpu run_delay slices", in nanoseconds. */
#define SCHEDSTAT "/proc/thread-self/schedstat"

#define WARN_USEC      (100 * USEC_PER_MSEC)
#define WARN_GAP_USEC  USEC_PER_MIN
#define SUSPECT_USEC   USEC_PER_MSEC /* less is not worth a look */
#define SCHEDSTAT_SIZE 128

void loop_meter_init(struct loop_meter *meter)
{
	*meter = (struct loop_meter){ .fd = open(SCHEDSTAT, O_RDONLY | O_CLOEXEC) };
}

void loop_meter_done(struct loop_meter *meter)
{
	if (meter->fd >= 0)
		close(meter->fd);
	meter->fd = -1;
}

static usec_t read_delay(const struct loop_meter *meter)
{
	char text[SCHEDSTAT_SIZE];
	uint64_t on_cpu, delay;

	if (meter->fd < 0)
		return 0;
	ssize_t n = pread(meter->fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &on_cpu, &delay) != 2)
		return 0;
	return delay / 1000;
}

void loop_meter_begin(struct loop_meter *meter)
{
	meter->source = NULL;
	meter->begun = loop_clock_monotonic();
	meter->begun_delay = read_delay(meter);
	meter->begun_cpu = loop_clock_cpu();
}

static void take_worse(struct loop_turn *worst, const struct loop_turn *turn)
{
	if (turn->held_usec > worst->held_usec)
		*worst = *turn;
}

static void tell(struct loop_meter *meter, const struct loop_turn *turn)
{
	bool is_ours = turn->held_usec >= WARN_USEC;
	bool is_news = meter->warned_usec == 0 ||
		       usec_sub(turn->at_usec, meter->warned_usec) >= WARN_GAP_USEC;
	enum log_level level = is_ours && is_news ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;

	if (turn->wall_usec < WARN_USEC && turn->held_usec <= LOOP_SLOW_USEC)
		return;
	if (level == LOG_LEVEL_WARNING)
		meter->warned_usec = turn->at_usec;
	log_at(NULL, level, __FILE__, __LINE__,
		"a turn of the loop took %" PRIu64 " ms in %s: %" PRIu64
		" ms of work, %" PRIu64 " ms blocked, the rest without a processor",
		turn->wall_usec / USEC_PER_MSEC, turn->source,
		turn->cpu_usec / USEC_PER_MSEC,
		usec_sub(turn->held_usec, turn->cpu_usec) / USEC_PER_MSEC);
}

void loop_meter_add(struct loop_meter *meter, const struct loop_turn *turn)
{
	struct loop_turns *turns = &meter->turns;
	usec_t minute = turn->at_usec / USEC_PER_MIN + 1;
	size_t i = minute % LOOP_METER_MINUTES;

	turns->n_turns++;
	turns->n_slow += turn->held_usec > LOOP_SLOW_USEC;
	turns->longest_wall_usec = MAX(turns->longest_wall_usec, turn->wall_usec);
	take_worse(&turns->worst, turn);
	if (meter->recent[i].minute != minute)
		meter->recent[i].worst = (struct loop_turn){ .source = NULL };
	meter->recent[i].minute = minute;
	take_worse(&meter->recent[i].worst, turn);
	tell(meter, turn);
}

void loop_meter_end(struct loop_meter *meter)
{
	usec_t cpu = usec_sub(loop_clock_cpu(), meter->begun_cpu);
	usec_t now = loop_clock_monotonic();
	usec_t delay = 0;

	if (usec_sub(now, meter->begun) > usec_add(cpu, SUSPECT_USEC)) {
		delay = usec_sub(read_delay(meter), meter->begun_delay);
		now = loop_clock_monotonic();
	}
	struct loop_turn turn = {
		.at_usec = now,
		.wall_usec = usec_sub(now, meter->begun),
		.source = meter->source ? meter->source : "the loop itself",
	};
	/* The clocks do not run at quite the same rate. */
	turn.cpu_usec = MIN(cpu, turn.wall_usec);
	turn.held_usec = MAX(usec_sub(turn.wall_usec, delay), turn.cpu_usec);
	loop_meter_add(meter, &turn);
}

void loop_meter_get(
	const struct loop_meter *meter, usec_t now_usec, struct loop_turns *ret)
{
	usec_t minute = now_usec / USEC_PER_MIN + 1;

	*ret = meter->turns;
	for (size_t i = 0; i < LOOP_METER_MINUTES; i++) {
		if (meter->recent[i].minute + LOOP_METER_MINUTES > minute)
			take_worse(&ret->worst_hour, &meter->recent[i].worst);
		if (meter->recent[i].minute + 1 >= minute)
			take_worse(&ret->worst_minute, &meter->recent[i].worst);
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Durations as an operator writes them, and the three forms of a date that servers
 * send: RFC 3339, IMF-fixdate, Retry-After. Everything is parsed by hand, since
 * strptime looks at the locale and accepts more than the specifications do.
 */
#include "util/usec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/macro.h"

#define RETRY_AFTER_MAX   (366 * USEC_PER_DAY)
#define YEAR_9999_END_SEC UINT64_C(253402300799)

struct unit {
	const char *name;
	usec_t usec;
};

/* Largest first. */
static const struct unit units[] = {
	{ "d", USEC_PER_DAY },
	{ "h", USEC_PER_HOUR },
	{ "m", USEC_PER_MIN },
	{ "s", USEC_PER_SEC },
	{ "ms", USEC_PER_MSEC },
	{ "us", 1 },
};

/* A moment in UTC as its text has it. */
struct moment {
	unsigned year, month, day;
	unsigned hour, minute, second;
};

usec_t usec_add(usec_t a, usec_t b)
{
	usec_t sum;

	return __builtin_add_overflow(a, b, &sum) ? USEC_NEVER : sum;
}

usec_t usec_sub(usec_t a, usec_t b)
{
	return a > b ? a - b : 0;
}

usec_t usec_mul(usec_t a, uint64_t b)
{
	usec_t product;

	return __builtin_mul_overflow(a, b, &product) ? USEC_NEVER : product;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(const char **s)
{
	while (is_blank(**s))
		(*s)++;
}

/* Digits, at least one. Saturates. */
static bool parse_number(const char **s, uint64_t *ret)
{
	const char *start = *s;

	*ret = 0;
	for (; is_digit(**s); (*s)++)
		*ret = usec_add(usec_mul(*ret, 10), (uint64_t)(**s - '0'));
	return *s != start;
}

/* Exactly n digits. */
static bool parse_digits(const char **s, unsigned n, unsigned *ret)
{
	*ret = 0;
	for (; n > 0; n--, (*s)++) {
		if (!is_digit(**s))
			return false;
		*ret = *ret * 10 + (unsigned)(**s - '0');
	}
	return true;
}

static bool skip_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool parse_unit(const char **s, usec_t *ret)
{
	size_t len = strspn(*s, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) != len ||
			strncmp(units[i].name, *s, len) != 0)
			continue;
		*s += len;
		*ret = units[i].usec;
		return true;
	}
	return false;
}

bool usec_parse_duration(const char *s, usec_t *ret_usec)
{
	usec_t sum = 0;
	uint64_t number;
	usec_t unit = USEC_PER_SEC;

	skip_blanks(&s);
	for (bool is_first = true; is_first || *s; is_first = false) {
		if (!parse_number(&s, &number))
			return false;
		const char *rest = s;
		skip_blanks(&rest);
		bool is_bare = is_first && *rest == '\0';
		if (!parse_unit(&s, &unit) && !is_bare)
			return false;
		sum = usec_add(sum, usec_mul(number, unit));
		skip_blanks(&s);
	}
	if (sum == USEC_NEVER)
		return false;
	*ret_usec = sum;
	return true;
}

char *usec_format_duration(usec_t usec, char *buf, size_t size)
{
	size_t at = 0;

	if (usec == 0 || usec == USEC_NEVER) {
		snprintf(buf, size, "%s", usec == 0 ? "0s" : "never");
		return buf;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units) && at < size; i++) {
		if (usec < units[i].usec)
			continue;
		int n = snprintf(buf + at, size - at, "%s%llu%s", at > 0 ? " " : "",
			(unsigned long long)(usec / units[i].usec), units[i].name);
		at += (size_t)n;
		usec %= units[i].usec;
	}
	return buf;
}

char *usec_format_rfc3339(usec_t wall_usec, char *buf, size_t size)
{
	time_t sec = (time_t)MIN(wall_usec / USEC_PER_SEC, YEAR_9999_END_SEC);
	struct tm tm;

	if (!gmtime_r(&sec, &tm) || strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, size, "?");
	return buf;
}

static bool is_leap_year(unsigned y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static unsigned days_before_month(unsigned year, unsigned month)
{
	static const unsigned days[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273,
		304, 334, 365 };

	return days[month - 1] + (month > 2 && is_leap_year(year));
}

static bool is_moment(const struct moment *m)
{
	if (m->year < 1970 || m->year > 9999 || m->month < 1 || m->month > 12)
		return false;
	unsigned n_days = days_before_month(m->year, m->month + 1) -
			  days_before_month(m->year, m->month);
	/* A leap second is the first one of the next minute to us. */
	return m->day >= 1 && m->day <= n_days && m->hour <= 23 && m->minute <= 59 &&
	       m->second <= 60;
}

static usec_t moment_usec(const struct moment *m)
{
	unsigned y = m->year - 1;
	uint64_t days = 365 * (uint64_t)(m->year - 1970) + y / 4 - y / 100 + y / 400 -
			(1969 / 4 - 1969 / 100 + 1969 / 400);

	days += days_before_month(m->year, m->month) + m->day - 1;
	return ((days * 24 + m->hour) * 60 + m->minute) * USEC_PER_MIN +
	       m->second * USEC_PER_SEC;
}

static bool parse_time_of_day(const char **s, struct moment *m)
{
	return parse_digits(s, 2, &m->hour) && skip_char(s, ':') &&
	       parse_digits(s, 2, &m->minute) && skip_char(s, ':') &&
	       parse_digits(s, 2, &m->second);
}

/* ".123": what is finer than a microsecond is dropped. */
static bool parse_fraction(const char **s, usec_t *ret)
{
	usec_t weight = USEC_PER_SEC;

	*ret = 0;
	if (**s != '.')
		return true;
	(*s)++;
	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); (*s)++) {
		weight /= 10;
		*ret += weight * (usec_t)(**s - '0');
	}
	return true;
}

/* "Z", "+hh:mm", "-hh:mm": applied to *wall. */
static bool apply_zone(const char **s, usec_t *wall)
{
	unsigned hour, minute;
	char sign = **s;

	if (sign == '\0')
		return false;
	(*s)++;
	if (sign == 'Z' || sign == 'z')
		return true;
	if (sign != '+' && sign != '-')
		return false;
	if (!parse_digits(s, 2, &hour) || !skip_char(s, ':') ||
		!parse_digits(s, 2, &minute))
		return false;
	if (hour > 23 || minute > 59)
		return false;
	usec_t offset = hour * USEC_PER_HOUR + minute * USEC_PER_MIN;
	if (sign == '+' && offset > *wall)
		return false;
	*wall = sign == '+' ? *wall - offset : *wall + offset;
	return true;
}

bool usec_parse_rfc3339(const char *s, usec_t *ret_wall_usec)
{
	struct moment m;
	usec_t fraction;

	if (!parse_digits(&s, 4, &m.year) || !skip_char(&s, '-') ||
		!parse_digits(&s, 2, &m.month) || !skip_char(&s, '-') ||
		!parse_digits(&s, 2, &m.day))
		return false;
	if (!skip_char(&s, 'T') && !skip_char(&s, 't'))
		return false;
	if (!parse_time_of_day(&s, &m) || !parse_fraction(&s, &fraction) ||
		!is_moment(&m))
		return false;
	usec_t wall = moment_usec(&m) + fraction;
	if (!apply_zone(&s, &wall) || *s != '\0')
		return false;
	/* The offset may have led out of the last year. */
	if (wall / USEC_PER_SEC > YEAR_9999_END_SEC)
		return false;
	*ret_wall_usec = wall;
	return true;
}

/* One of n names of three letters; its index, or -1. */
static int parse_name(const char **s, const char *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (strncmp(*s, names + i * 3, 3) == 0) {
			*s += 3;
			return (int)i;
		}
	}
	return -1;
}

bool usec_parse_http_date(const char *s, usec_t *ret_wall_usec)
{
	struct moment m;

	if (parse_name(&s, "MonTueWedThuFriSatSun", 7) < 0)
		return false;
	if (!skip_char(&s, ',') || !skip_char(&s, ' ') ||
		!parse_digits(&s, 2, &m.day) || !skip_char(&s, ' '))
		return false;
	int month = parse_name(&s, "JanFebMarAprMayJunJulAugSepOctNovDec", 12);
	if (month < 0)
		return false;
	m.month = (unsigned)month + 1;
	if (!skip_char(&s, ' ') || !parse_digits(&s, 4, &m.year) || !skip_char(&s, ' '))
		return false;
	if (!parse_time_of_day(&s, &m) || strcmp(s, " GMT") != 0 || !is_moment(&m))
		return false;
	*ret_wall_usec = moment_usec(&m);
	return true;
}

bool usec_parse_retry_after(const char *s, usec_t wall_now_usec, usec_t *ret_wait_usec)
{
	uint64_t seconds;
	usec_t date;

	if (parse_number(&s, &seconds)) {
		if (*s != '\0')
			return false;
		*ret_wait_usec = MIN(usec_mul(seconds, USEC_PER_SEC), RETRY_AFTER_MAX);
		return true;
	}
	if (!usec_parse_http_date(s, &date))
		return false;
	*ret_wait_usec = MIN(usec_sub(date, wall_now_usec), RETRY_AFTER_MAX);
	return true;
}

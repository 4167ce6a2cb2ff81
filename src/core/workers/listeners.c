/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See listeners.h. A socket belongs to an address: over a reload it is kept when the
 * address is still wanted, whatever else the listener's block says now.
 */
#include "core/workers/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/workers/listener_message.h"
#include "core/workers/service.h"
#include "util/list.h"
#include "util/mem.h"

#define BACKLOG 4096

struct socket {
	struct list entry;
	char *text; /* owned; the address, formatted: one spelling for each */
	char *name; /* owned; by which systemd gave it, or LISTENERS_KEPT… of our own */
	int fd;     /* owned */
};

/* One listener at one address: what the workers are told. */
struct door {
	struct list entry;
	struct link_listener message; /* owned strings; fd -1 */
	struct address address;
	const struct socket *socket; /* borrowed */
};

/* A descriptor of systemd's that no listener has taken yet. */
struct adopted {
	struct list entry;
	char *name; /* owned */
	int fd;     /* owned */
};

struct listeners {
	struct log_ctx log;
	struct service *service;              /* borrowed; NULL: nobody keeps any */
	struct list sockets;                  /* socket.entry */
	struct list doors;                    /* door.entry; in force */
	struct list next_sockets, next_doors; /* prepared */
	struct list adopted;                  /* adopted.entry */
	listeners_claim_fn *claim;
	void *claim_userdata;
};

/* --- the object ---------------------------------------------------------------------- */

static void socket_free(struct socket *s)
{
	list_remove(&s->entry);
	if (s->fd >= 0)
		close(s->fd);
	free(s->name);
	free(s->text);
	free(s);
}

static void door_free(struct door *d)
{
	list_remove(&d->entry);
	link_listener_done(&d->message);
	free(d);
}

static void free_doors(struct list *doors)
{
	struct door *d, *next;

	list_foreach_safe(d, next, doors, entry)
		door_free(d);
}

static void free_sockets(struct list *sockets)
{
	struct socket *s, *next;

	list_foreach_safe(s, next, sockets, entry)
		socket_free(s);
}

struct listeners *listeners_new(const struct log_ctx *log)
{
	struct listeners *l = xnew(struct listeners);

	l->log = (struct log_ctx){ log, NULL, NULL };
	list_init(&l->sockets);
	list_init(&l->doors);
	list_init(&l->next_sockets);
	list_init(&l->next_doors);
	list_init(&l->adopted);
	return l;
}

static void adopted_free(struct adopted *a)
{
	list_remove(&a->entry);
	if (a->fd >= 0)
		close(a->fd);
	free(a->name);
	free(a);
}

struct listeners *listeners_free(struct listeners *l)
{
	struct adopted *a, *next;

	if (!l)
		return NULL;
	listeners_abandon(l);
	free_doors(&l->doors);
	free_sockets(&l->sockets);
	list_foreach_safe(a, next, &l->adopted, entry)
		adopted_free(a);
	free(l);
	return NULL;
}

void listeners_set_service(struct listeners *l, struct service *service)
{
	l->service = service;
}

void listeners_set_claim(struct listeners *l, listeners_claim_fn *claim, void *userdata)
{
	l->claim = claim;
	l->claim_userdata = userdata;
}

/* --- what is handed over --------------------------------------------------------------- */

static bool is_kept(const char *name)
{
	return strncmp(name, LISTENERS_KEPT, strlen(LISTENERS_KEPT)) == 0;
}

/* A name without an address is in no store, a line feed would be a message of its own. */
static void forget_kept(struct listeners *l, const char *name)
{
	if (l->service && is_kept(name) && name[strlen(LISTENERS_KEPT)] &&
		!strchr(name, '\n'))
		service_forget_socket(l->service, name);
}

static char *format_bound(int fd)
{
	struct address address = { .len = sizeof(address.sa) };
	char text[ADDRESS_TEXT_MAX];

	if (getsockname(fd, (struct sockaddr *)&address.sa, &address.len) < 0)
		return xstrdup("a socket");
	return xstrdup(address_format(&address, text, sizeof(text)));
}

static bool has_lost_file(int fd)
{
	_cleanup_(freep) char *text = format_bound(fd);

	return strncmp(text, "unix:/", 6) == 0 && access(text + 5, F_OK) < 0;
}

static bool is_stream_listener(int fd)
{
	return sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 ||
	       sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) > 0 ||
	       sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0;
}

/* NULL: it can be used. systemd hands sockets over in blocking mode, in which a worker
 * would hang in accept() while others are waiting for it. */
static const char *find_fault(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return "is closed";
	if (!is_stream_listener(fd))
		return "is not a listening stream socket";
	if (has_lost_file(fd))
		return "has lost its file";
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return "cannot be set up";
	return NULL;
}

void listeners_adopt(struct listeners *l, const char *name, int fd)
{
	const char *fault = find_fault(fd);

	if (fault) {
		log_warning(
			&l->log, "what was handed over as %s %s: dropped", name, fault);
		forget_kept(l, name);
		if (fd >= 0)
			close(fd);
		return;
	}
	struct adopted *a = xnew(struct adopted);
	a->name = xstrdup(name);
	a->fd = fd;
	list_append(&l->adopted, &a->entry);
}

/* --- sockets ------------------------------------------------------------------------- */

static struct socket *find_socket(struct list *sockets, const char *text)
{
	struct socket *s;

	list_foreach(s, sockets, entry)
		if (strcmp(s->text, text) == 0)
			return s;
	return NULL;
}

static char *format_kept_name(const char *text)
{
	char *name = xasprintf(LISTENERS_KEPT "%s", text);

	for (char *p = name; *p; p++)
		if (*p == ':')
			*p = '_';
	return name;
}

/* Name NULL: whatever its name is. */
static struct adopted *find_adopted(
	struct listeners *l, const char *name, const char *text)
{
	struct adopted *a;

	list_foreach(a, &l->adopted, entry) {
		_cleanup_(freep) char *bound = format_bound(a->fd);

		if (strcmp(bound, text) != 0)
			continue;
		if (!name || is_kept(a->name) || strcmp(a->name, name) == 0)
			return a;
	}
	return NULL;
}

/* The store knows it by a name that is not its address's, and would never forget it. */
static void forget_misnamed(struct listeners *l, const struct adopted *a)
{
	_cleanup_(freep) char *bound = format_bound(a->fd);
	_cleanup_(freep) char *name = format_kept_name(bound);

	if (strcmp(a->name, name) != 0)
		forget_kept(l, a->name);
}

/* What has been bound for this listener; fd -1: nothing. */
static void take_adopted(
	struct listeners *l, const char *name, const char *text, struct socket *ret)
{
	struct adopted *a = find_adopted(l, name, text);

	if (!a)
		return;
	if (is_kept(a->name))
		forget_misnamed(l, a);
	else
		ret->name = TAKE_PTR(a->name);
	ret->fd = TAKE_FD(a->fd);
	adopted_free(a);
}

/* By a name that is no reason to be refused an address: who made the socket holds it, and
 * a second one could not be bound. */
static void take_stranger(
	struct listeners *l, const char *name, const char *text, struct socket *ret)
{
	take_adopted(l, NULL, text, ret);
	if (ret->fd >= 0)
		log_warning(&l->log,
			"%s, handed over by systemd with FileDescriptorName=%s: taken "
			"for listener %s, which has this address",
			text, ret->name, name);
}

/* An address that is taken may be held by what a dead manager has left. */
static int bind_socket(struct listeners *l, const char *name,
	const struct address *address, struct socket *s, struct err *err)
{
	int r = address_listen(address, BACKLOG, &s->fd, NULL);

	if (r >= 0)
		return r;
	if (r == -EADDRINUSE)
		take_stranger(l, name, s->text, s);
	if (r == -EADDRINUSE && s->fd < 0 && l->claim) {
		l->claim(l->claim_userdata);
		take_adopted(l, name, s->text, s);
	}
	return s->fd >= 0 ? 0 : address_listen(address, BACKLOG, &s->fd, err);
}

static int add_socket(struct listeners *l, const struct conf_block *block,
	const char *text, const struct address *address, struct socket **ret,
	struct err *err)
{
	const char *name = conf_block_get_name(block);
	struct socket *s = xnew(struct socket);
	int r = 0;

	list_init(&s->entry);
	s->text = xstrdup(text);
	s->fd = -1;
	take_adopted(l, name, text, s);
	if (s->fd < 0)
		r = bind_socket(l, name, address, s, err);
	if (!s->name)
		s->name = format_kept_name(text);
	if (r < 0) {
		socket_free(s);
		return r;
	}
	list_append(&l->next_sockets, &s->entry);
	*ret = s;
	return 0;
}

/* --- from the configuration to doors --------------------------------------------------- */

static int prepare_door(struct listeners *l, const struct conf *conf,
	const struct conf_block *block, size_t index, struct err *err)
{
	const char *configured = conf_get_list(block, "address")[index];
	char text[ADDRESS_TEXT_MAX];
	struct address address;
	struct socket *s = NULL;
	int r = address_parse(configured, &address, err);

	if (r >= 0)
		s = find_socket(
			&l->sockets, address_format(&address, text, sizeof(text)));
	if (r >= 0 && !s)
		r = add_socket(l, block, text, &address, &s, err);
	if (r < 0)
		return err_wrap(err, r, "%s line %u: listener %s: %s",
			conf_block_get_file(block), conf_block_get_line(block),
			conf_block_get_name(block), configured);
	struct door *d = xnew(struct door);
	d->message = listener_message_make(conf, block, index);
	d->address = address;
	d->socket = s;
	list_append(&l->next_doors, &d->entry);
	return 0;
}

int listeners_prepare(struct listeners *l, const struct conf *conf, struct err *err)
{
	const struct conf_block *block;
	int r = 0;

	listeners_abandon(l);
	for (size_t i = 0; r >= 0 && (block = conf_get_block(conf, "listener", i)); i++)
		for (size_t k = 0; r >= 0 && conf_get_list(block, "address")[k]; k++)
			r = prepare_door(l, conf, block, k, err);
	if (r < 0)
		listeners_abandon(l);
	return r;
}

void listeners_abandon(struct listeners *l)
{
	struct socket *s;

	free_doors(&l->next_doors);
	/* Only systemd could bind those again. */
	list_foreach(s, &l->next_sockets, entry)
		if (!is_kept(s->name))
			listeners_adopt(l, s->name, TAKE_FD(s->fd));
	free_sockets(&l->next_sockets);
}

/* Is a door in force at it? */
static bool is_used(const struct listeners *l, const struct socket *s)
{
	const struct door *d;

	list_foreach(d, &l->doors, entry)
		if (d->socket == s)
			return true;
	return false;
}

static void move_list(struct list *from, struct list *to)
{
	while (!list_is_empty(from)) {
		struct list *entry = from->next;

		list_remove(entry);
		list_append(to, entry);
	}
}

/* Of a listener that exists no more. */
static void drop_kept(struct listeners *l)
{
	struct adopted *a, *next;

	list_foreach_safe(a, next, &l->adopted, entry) {
		if (!is_kept(a->name))
			continue;
		forget_kept(l, a->name);
		adopted_free(a);
	}
}

/* The one that is used is enough: this one would only keep the address open. */
static void drop_doubled(struct listeners *l)
{
	struct adopted *a, *next;

	list_foreach_safe(a, next, &l->adopted, entry) {
		_cleanup_(freep) char *text = format_bound(a->fd);

		if (!find_socket(&l->sockets, text) &&
			!find_socket(&l->next_sockets, text))
			continue;
		log_warning(&l->log, "%s was handed over once more, as %s: dropped",
			text, a->name);
		forget_kept(l, a->name);
		adopted_free(a);
	}
}

/* Who connects there is heard by nobody. It is kept: a reload may bring the listener. */
static void warn_of_adopted(struct listeners *l)
{
	const struct adopted *a;

	list_foreach(a, &l->adopted, entry) {
		_cleanup_(freep) char *text = format_bound(a->fd);

		log_warning(&l->log,
			"%s, handed over by systemd with FileDescriptorName=%s: no "
			"listener %s has this address, so nobody answers there",
			text, a->name, a->name);
	}
}

/* After what is forgotten: names may be the same. */
static void keep_new(struct listeners *l)
{
	struct socket *s;

	list_foreach(s, &l->next_sockets, entry)
		if (l->service && is_kept(s->name))
			service_keep_socket(l->service, s->name, s->fd);
	move_list(&l->next_sockets, &l->sockets);
}

void listeners_commit(struct listeners *l)
{
	struct socket *s, *next;

	free_doors(&l->doors);
	move_list(&l->next_doors, &l->doors);
	drop_doubled(l);
	drop_kept(l);
	keep_new(l);
	list_foreach_safe(s, next, &l->sockets, entry) {
		if (is_used(l, s))
			continue;
		forget_kept(l, s->name);
		socket_free(s);
	}
	warn_of_adopted(l);
}

/* --- who asks --------------------------------------------------------------------------- */

int listeners_each(const struct listeners *l, listeners_fn *fn, void *userdata)
{
	const struct door *d;

	list_foreach(d, &l->doors, entry) {
		int r = fn(&d->message, d->socket->fd, &d->address, userdata);

		if (r != 0)
			return r;
	}
	return 0;
}

void listeners_each_socket(
	const struct listeners *l, listeners_socket_fn *fn, void *userdata)
{
	const struct adopted *a;
	const struct socket *s;

	list_foreach(s, &l->sockets, entry)
		fn(s->name, s->fd, userdata);
	list_foreach(a, &l->adopted, entry)
		fn(a->name, a->fd, userdata);
}

static char *format_loopback(const struct address *address)
{
	struct address loopback;
	char text[ADDRESS_TEXT_MAX];

	address_to_loopback(address, &loopback);
	return xstrdup(address_format(&loopback, text, sizeof(text)));
}

char **listeners_format_tls_addresses(const struct listeners *l)
{
	char **list = xnew_array(char *, 1);
	const struct door *d;

	list_foreach(d, &l->doors, entry) {
		if (d->message.tls != 0)
			continue;
		_cleanup_(freep) char *text = format_loopback(&d->address);
		strv_append(&list, text);
	}
	return list;
}

char *listeners_format_http_address(const struct listeners *l)
{
	const struct door *d;

	list_foreach(d, &l->doors, entry)
		if (d->message.protocol == LINK_PROTOCOL_HTTP)
			return format_loopback(&d->address);
	return NULL;
}

char *listeners_format_acme_address(const struct listeners *l)
{
	const struct door *d;

	list_foreach(d, &l->doors, entry)
		if (d->message.acme && d->message.tls == 0)
			return format_loopback(&d->address);
	return NULL;
}

bool listeners_expects_proxy(const struct listeners *l, const char *address)
{
	const struct door *d;

	list_foreach(d, &l->doors, entry) {
		_cleanup_(freep) char *text = format_loopback(&d->address);

		if (strcmp(text, address) == 0)
			return d->message.proxy_from && d->message.proxy_from[0];
	}
	return false;
}

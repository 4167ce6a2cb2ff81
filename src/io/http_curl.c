/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP client over libcurl's multi interface, driven by our loop: libcurl tells
 * which sockets and which one timer to watch, and we tell it what happened. None of our
 * callers is called from within libcurl: what has ended is put on a list and delivered
 * by a deferred call, one request each, so that done may do whatever it likes, freeing
 * the client included.
 *
 * Each request has a timer of its own for its deadline, since libcurl does not count
 * the time that a request waits for a connection of a host that is limited to one.
 */
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "io/http_priv.h"
#include "util/list.h"
#include "util/mem.h"
#include "util/text.h"

#define CA_FILE_DEFAULT "/etc/ssl/certs/ca-certificates.crt"
/* Some versions of libcurl take headers without end, others give up at 300 kB with an
 * error that looks like one of the network. */
#define HEADER_BYTES_TOTAL (256 * 1024)

struct curl_client {
	struct http_client base;
	struct loop *loop;          /* borrowed; outlives the client */
	CURLM *multi;               /* owned */
	struct loop_timer *timer;   /* owned; the one that libcurl wants */
	struct loop_defer *deliver; /* owned; armed while `finished` has entries */
	struct list requests;       /* of curl_request: under way */
	struct list finished;       /* of curl_request: to be delivered */
	struct list sockets;        /* of curl_socket */
	char *user_agent;           /* owned; or NULL */
	char *ca_file;              /* owned */
};

struct curl_socket {
	struct list link;
	struct curl_client *client; /* borrowed; owns this */
	curl_socket_t fd;           /* borrowed from libcurl */
	struct loop_io *io;         /* owned */
};

struct curl_request {
	struct http_request base;
	/* inputs */
	struct curl_client *client; /* borrowed; NULL once done or silenced */
	struct list link;
	usec_t deadline_usec;
	http_done_fn *done;
	void *userdata; /* borrowed */
	/* owned operations */
	CURL *easy;
	struct curl_slist *lines; /* of the request's header */
	struct curl_slist *connect_to;
	struct loop_timer *timer; /* the deadline */
	/* results */
	struct http_headers headers;
	size_t header_bytes;
	struct buf body;
	const char *too_large; /* static; the part of the answer that is, or NULL */
	enum http_outcome outcome;
	unsigned status;
	char *detail; /* owned */
	char error_text[CURL_ERROR_SIZE];
};

static struct curl_client *to_client(struct http_client *client)
{
	return container_of(client, struct curl_client, base);
}

/* --- the end of a request ---------------------------------------------------------- */

/* Takes it from libcurl, from the loop and from its client. */
static void request_detach(struct curl_request *req)
{
	if (req->client)
		curl_multi_remove_handle(req->client->multi, req->easy);
	curl_easy_cleanup(req->easy);
	req->easy = NULL;
	curl_slist_free_all(TAKE_PTR(req->lines));
	curl_slist_free_all(TAKE_PTR(req->connect_to));
	req->timer = loop_timer_free(req->timer);
	list_remove(&req->link);
	req->client = NULL;
}

static struct http_request *curl_request_cancel(struct http_request *base)
{
	struct curl_request *req = container_of(base, struct curl_request, base);

	request_detach(req);
	http_headers_done(&req->headers);
	buf_done(&req->body);
	free(req->detail);
	free(req);
	return NULL;
}

static void request_complete(struct curl_request *req)
{
	/* done may cancel the request: what it looks at must outlive that. */
	_cleanup_(freep) char *detail = TAKE_PTR(req->detail);
	struct http_headers headers = req->headers;
	struct buf body = req->body;
	bool is_ok = req->outcome == HTTP_OK;
	struct http_result result = {
		.outcome = req->outcome,
		.status = is_ok ? req->status : 0,
		.body = is_ok ? buf_str(&body) : "",
		.body_len = is_ok ? body.len : 0,
		.detail = detail,
		.headers = &headers,
	};

	req->headers = (struct http_headers){ .n = 0 };
	req->body = (struct buf){ .len = 0 };
	request_detach(req);
	if (!is_ok)
		http_headers_done(&headers);
	req->done(&result, req->userdata);
	http_headers_done(&headers);
	buf_done(&body);
}

static void on_deliver(void *userdata)
{
	struct curl_client *client = userdata;

	client->deliver = loop_defer_free(client->deliver);
	if (list_is_empty(&client->finished))
		return;
	struct curl_request *req =
		list_entry(client->finished.next, struct curl_request, link);
	list_remove(&req->link);
	/* Before done, which may free the client. */
	if (!list_is_empty(&client->finished))
		client->deliver = loop_defer_new(client->loop, on_deliver, client);
	request_complete(req);
}

/* Takes over detail. */
static void request_finish(
	struct curl_request *req, enum http_outcome outcome, char *detail)
{
	struct curl_client *client = req->client;

	req->outcome = outcome;
	req->detail = detail;
	loop_timer_disarm(req->timer);
	list_remove(&req->link);
	list_append(&client->finished, &req->link);
	/* Its connection, and its place in the queue, are free from now on. */
	curl_multi_remove_handle(client->multi, req->easy);
	if (!client->deliver)
		client->deliver = loop_defer_new(client->loop, on_deliver, client);
}

static void on_deadline(struct loop_timer *timer, void *userdata)
{
	struct curl_request *req = userdata;
	char text[USEC_DURATION_MAX];

	request_finish(req, HTTP_DEADLINE,
		xasprintf("no complete answer within %s",
			usec_format_duration(req->deadline_usec, text, sizeof(text))));
}

/* --- what libcurl says ------------------------------------------------------------- */

static enum http_outcome outcome_of(const struct curl_request *req, CURLcode code)
{
	if (req->too_large)
		return HTTP_TOO_LARGE;
	switch (code) {
	case CURLE_OK:
		return HTTP_OK;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
		return HTTP_UNREACHED;
	case CURLE_RECV_ERROR:
		return req->header_bytes > 0 ? HTTP_BROKEN : HTTP_UNREACHED;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_DEADLINE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return HTTP_TLS;
	default:
		return HTTP_BROKEN;
	}
}

static char *detail_of(const struct curl_request *req, CURLcode code)
{
	if (code == CURLE_OK)
		return NULL;
	if (req->too_large)
		return xasprintf("the answer's %s is too large", req->too_large);
	char *detail = xstrdup(
		req->error_text[0] ? req->error_text : curl_easy_strerror(code));
	text_clean(detail);
	return detail;
}

static void request_ended(struct curl_request *req, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);
	req->status = (unsigned)status;
	request_finish(req, outcome_of(req, code), detail_of(req, code));
}

/* Tells libcurl what happened, and collects what has ended thereby. */
static void client_drive(struct curl_client *client, curl_socket_t fd, int events)
{
	int n;

	curl_multi_socket_action(client->multi, fd, events, &n);
	for (;;) {
		CURLMsg *msg = curl_multi_info_read(client->multi, &n);
		if (!msg)
			return;
		char *req = NULL;
		CURLcode code = msg->data.result;
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &req);
		request_ended((struct curl_request *)(void *)req, code);
	}
}

static void on_socket(struct loop_io *io, unsigned events, void *userdata)
{
	struct curl_socket *sock = userdata;

	/* libcurl may forget the socket meanwhile. */
	client_drive(sock->client, sock->fd,
		(events & LOOP_IN ? CURL_CSELECT_IN : 0) |
			(events & LOOP_OUT ? CURL_CSELECT_OUT : 0) |
			(events & LOOP_HUP ? CURL_CSELECT_ERR : 0));
}

static void on_timer(struct loop_timer *timer, void *userdata)
{
	client_drive(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static struct curl_socket *socket_free(struct curl_socket *sock)
{
	if (!sock)
		return NULL;
	list_remove(&sock->link);
	loop_io_free(sock->io);
	free(sock);
	return NULL;
}

static struct curl_socket *socket_new(struct curl_client *client, curl_socket_t fd)
{
	struct curl_socket *sock = xnew(struct curl_socket);

	sock->client = client;
	sock->fd = fd;
	list_init(&sock->link);
	list_append(&client->sockets, &sock->link);
	/* If this fails nothing comes of the request, and its deadline says so. */
	if (loop_io_new(&sock->io, client->loop, fd, 0, on_socket, sock, NULL) < 0)
		return socket_free(sock);
	curl_multi_assign(client->multi, fd, sock);
	return sock;
}

static int on_curl_socket(
	CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata)
{
	struct curl_socket *sock = socket_userdata;

	if (what == CURL_POLL_REMOVE) {
		socket_free(sock);
		return 0;
	}
	if (!sock)
		sock = socket_new(userdata, fd);
	if (sock)
		loop_io_set_events(
			sock->io, (what & CURL_POLL_IN ? LOOP_IN : 0u) |
					  (what & CURL_POLL_OUT ? LOOP_OUT : 0u));
	return 0;
}

static int on_curl_timer(CURLM *multi, long msec, void *userdata)
{
	struct curl_client *client = userdata;

	if (msec < 0)
		loop_timer_disarm(client->timer);
	else
		loop_timer_set_after(client->timer, (usec_t)msec * USEC_PER_MSEC);
	return 0;
}

static size_t on_curl_header(char *data, size_t size, size_t n, void *userdata)
{
	struct curl_request *req = userdata;

	/* A status line: what came before belongs to an interim answer (1xx). */
	if (n >= 5 && strncasecmp(data, "HTTP/", 5) == 0)
		http_headers_done(&req->headers);
	req->header_bytes += n;
	if (req->header_bytes > HEADER_BYTES_TOTAL) {
		req->too_large = "header";
		return 0;
	}
	/* A trailer is none of the answer's headers. */
	if (req->body.len == 0)
		http_headers_add_line(&req->headers, data, n);
	return n;
}

static size_t on_curl_body(char *data, size_t size, size_t n, void *userdata)
{
	struct curl_request *req = userdata;

	if (buf_append(&req->body, data, n) == 0)
		return n;
	req->too_large = "body";
	return 0;
}

/* --- the start of a request -------------------------------------------------------- */

static void add_line(struct curl_request *req, const char *name, const char *value)
{
	/* "Name:" tells libcurl to leave its own one out. */
	_cleanup_(freep) char *line =
		value ? xasprintf("%s: %s", name, value) : xasprintf("%s:", name);

	req->lines = curl_slist_append(req->lines, line);
}

static void set_method(struct curl_request *req, const struct http_params *params)
{
	CURL *easy = req->easy;

	add_line(req, "Accept", params->accept);
	for (size_t i = 0; params->lines && params->lines[i]; i++)
		req->lines = curl_slist_append(req->lines, params->lines[i]);
	if (params->method == HTTP_HEAD)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (params->method == HTTP_POST) {
		add_line(req, "Content-Type", params->content_type);
		add_line(req, "Expect", NULL);
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)params->body_len);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
			params->body_len > 0 ? params->body : "");
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, req->lines);
}

static void set_target(struct curl_request *req, const struct http_params *params)
{
	CURL *easy = req->easy;
	bool is_plain = params->flags & HTTP_ALLOW_PLAIN;

	curl_easy_setopt(easy, CURLOPT_URL, params->url);
	curl_easy_setopt(
		easy, CURLOPT_PROTOCOLS_STR, is_plain ? "https,http" : "https");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (params->flags & HTTP_SAY_PROXY)
		curl_easy_setopt(easy, CURLOPT_HAPROXYPROTOCOL, 1L);
	if (params->connect_to) {
		_cleanup_(freep) char *rule = xasprintf("::%s", params->connect_to);
		req->connect_to = curl_slist_append(NULL, rule);
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, req->connect_to);
	}
}

static void set_limits(struct curl_request *req)
{
	CURL *easy = req->easy;

	/* Half of the time for connecting: with the whole of it one address that does
	 * not answer would use up what the others need. */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
		(long)(req->deadline_usec / USEC_PER_MSEC / 2 + 1));
	/* A look-up that is given up is not waited for. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, req);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, req);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, req->error_text);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, req);
}

/* False: libcurl is so built that it does not know our file of CAs. */
static bool set_trust(struct curl_request *req, const struct curl_client *client,
	const char *own_ca_file)
{
	const char *ca_file = own_ca_file ? own_ca_file : client->ca_file;
	CURL *easy = req->easy;

	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	/* Reading the folder costs 25 ms a connection. */
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	if (client->user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, client->user_agent);
	return curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK;
}

static int curl_request_start(struct http_request **ret, struct http_client *base,
	const struct http_params *params, http_done_fn *done, void *userdata,
	struct err *err)
{
	struct curl_client *client = to_client(base);
	struct curl_request *req = xnew(struct curl_request);

	req->base.ops = base->ops;
	req->done = done;
	req->userdata = userdata;
	req->deadline_usec =
		params->deadline_usec ? params->deadline_usec : HTTP_DEADLINE_DEFAULT;
	req->body.max_bytes = params->max_body_bytes ? params->max_body_bytes
						     : HTTP_BODY_BYTES_DEFAULT;
	list_init(&req->link);
	req->easy = curl_easy_init();
	if (!req->easy)
		abort(); /* no memory */
	set_target(req, params);
	set_method(req, params);
	set_limits(req);
	CURLMcode code = set_trust(req, client, params->ca_file)
				 ? curl_multi_add_handle(client->multi, req->easy)
				 : CURLM_INTERNAL_ERROR;
	if (code != CURLM_OK) {
		curl_request_cancel(&req->base);
		return err_set(err, -EIO, "libcurl: %s", curl_multi_strerror(code));
	}
	req->client = client;
	list_append(&client->requests, &req->link);
	req->timer = loop_timer_new(client->loop, on_deadline, req);
	loop_timer_set_after(req->timer, req->deadline_usec);
	*ret = &req->base;
	return 0;
}

/* --- the client -------------------------------------------------------------------- */

static void detach_all(struct list *requests)
{
	while (!list_is_empty(requests))
		request_detach(list_entry(requests->next, struct curl_request, link));
}

static struct http_client *curl_client_free(struct http_client *base)
{
	struct curl_client *client = to_client(base);

	detach_all(&client->requests);
	detach_all(&client->finished);
	curl_multi_cleanup(client->multi);
	while (!list_is_empty(&client->sockets))
		socket_free(list_entry(client->sockets.next, struct curl_socket, link));
	loop_defer_free(client->deliver);
	loop_timer_free(client->timer);
	free(client->user_agent);
	free(client->ca_file);
	free(client);
	curl_global_cleanup();
	return NULL;
}

static const struct http_client_ops curl_ops = {
	.request_start = curl_request_start,
	.request_cancel = curl_request_cancel,
	.free = curl_client_free,
};

int http_client_new(struct http_client **ret, struct loop *loop,
	const struct http_client_params *params, struct err *err)
{
	unsigned max = params->max_connections ? params->max_connections : 1;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, -EIO, "libcurl cannot be initialised");
	struct curl_client *client = xnew(struct curl_client);
	client->base.ops = &curl_ops;
	client->loop = loop;
	client->user_agent = xstrdup(params->user_agent);
	client->ca_file = xstrdup(params->ca_file ? params->ca_file : CA_FILE_DEFAULT);
	list_init(&client->requests);
	list_init(&client->finished);
	list_init(&client->sockets);
	client->timer = loop_timer_new(loop, on_timer, client);
	client->multi = curl_multi_init();
	if (!client->multi)
		abort(); /* no memory */
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)max);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret = &client->base;
	return 0;
}

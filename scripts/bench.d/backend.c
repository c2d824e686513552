/*
 * The SCGI application behind every contender of scripts/bench.
 *
 * It must never be what limits a measurement, so it does as little as an SCGI application can: each process runs one
 * epoll loop on a shared listening Unix socket; a request that has arrived by the time it is accepted is read, answered
 * and closed with four system calls and never enters the epoll set.  A whole request is always read before the answer,
 * because closing a socket with unread bytes resets it and would disturb the gateway.
 *
 *   usage: backend SOCKET PROCESSES
 *
 *   /13 /16k /64k /1m /64m   that many bytes, with Content-Length, from one block of memory
 *   /sleep50            13 bytes, 50 ms after the request was complete; thousands at once
 *   /who                the SOCKET it was asked on, after 50 ms as well
 *   /upload             the length of the request body, in decimal
 *   /count              how many requests all processes have answered, in decimal; it is not counted itself
 *
 * Bytes of a body: line i of a block (8 bytes a line) is the number i as "%07x\n"; a longer body repeats the block.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 1 << 20,        /* bytes of body that one writev can take */
	HEAD_MAX = 16 << 10,    /* netstring of parameters: gateways send 1 KiB or so */
	SINK = 256 << 10,       /* one read of an upload */
	EVENTS = 256,
	BACKLOG = 4096,         /* a full queue would fail a non-blocking connect of nginx and lighttpd */
	SLEEP_MS = 50,
};

enum state { READ_HEAD, READ_BODY, SLEEPING, WRITING };

struct conn {
	int fd;
	uint32_t waits;         /* what the epoll set reports of it; 0: not in the set */
	enum state state;
	size_t have;            /* bytes in buf */
	int64_t body_left;      /* bytes of the request body not read yet */
	int64_t body_len;
	int64_t wake;           /* SLEEPING: when to answer, in ms of the monotonic clock */
	struct conn *next;      /* in the sleepers' queue or in the free list */
	char head[256];         /* response head, for short answers with the body */
	size_t head_len, head_sent;
	int64_t out_len, out_sent;      /* body bytes that come from the block */
	char path[64];
	char buf[HEAD_MAX];
};

static char block[BLOCK], sink[SINK];
static struct conn *free_list, *first_sleeper, *last_sleeper;
static int epfd, listen_fd;
static const char *who;
static long *answered;           /* shared by the processes */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void finish(struct conn *c)
{
	close(c->fd);           /* leaves the epoll set by itself */
	c->next = free_list;
	free_list = c;
}

/* Waits for one direction.  Edges are enough: steps run until EAGAIN, and adding or changing reports what is ready. */
static void park(struct conn *c, uint32_t direction)
{
	struct epoll_event e = { .events = direction | EPOLLRDHUP | EPOLLET, .data.ptr = c };
	if (c->waits == direction)
		return;
	if (epoll_ctl(epfd, c->waits ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e) < 0)
		die("epoll_ctl");
	c->waits = direction;
}

static void pump(struct conn *c)
{
	while (c->head_sent < c->head_len || c->out_sent < c->out_len) {
		int64_t at = c->out_sent % BLOCK, left = c->out_len - c->out_sent;
		struct iovec v[2] = {
			{ c->head + c->head_sent, c->head_len - c->head_sent },
			{ block + at, (size_t)(left < BLOCK - at ? left : BLOCK - at) },
		};
		struct msghdr m = { .msg_iov = v, .msg_iovlen = v[1].iov_len ? 2 : 1 };
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return park(c, EPOLLOUT);
		if (n < 0)
			return finish(c);
		size_t h = (size_t)n < v[0].iov_len ? (size_t)n : v[0].iov_len;
		c->head_sent += h;
		c->out_sent += n - (ssize_t)h;
	}
	finish(c);
}

static void answer(struct conn *c)
{
	static const struct { const char *path; int64_t len; } sizes[] = {
		{ "/16k", 16 << 10 }, { "/64k", 64 << 10 }, { "/1m", 1 << 20 }, { "/64m", 64 << 20 },
	};
	char text[128] = "Hello, world\n";
	int64_t len = -1;
	const char *status = "200 OK";

	if (strcmp(c->path, "/count"))
		__atomic_add_fetch(answered, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (!strcmp(c->path, sizes[i].path))
			len = sizes[i].len;
	if (len < 0) {
		if (!strcmp(c->path, "/upload"))
			snprintf(text, sizeof text, "%lld", (long long)c->body_len);
		else if (!strcmp(c->path, "/count"))
			snprintf(text, sizeof text, "%ld", __atomic_load_n(answered, __ATOMIC_RELAXED));
		else if (!strcmp(c->path, "/who"))
			snprintf(text, sizeof text, "%s", who);
		else if (strcmp(c->path, "/13") && strcmp(c->path, "/sleep50"))
			status = "404 Not Found";
	}
	c->head_len = (size_t)snprintf(c->head, sizeof c->head,
	    "Status: %s\r\nContent-Type: text/plain\r\nContent-Length: %lld\r\n\r\n%s",
	    status, (long long)(len < 0 ? (int64_t)strlen(text) : len), len < 0 ? text : "");
	c->head_sent = 0;
	c->out_len = len < 0 ? 0 : len;
	c->out_sent = 0;
	c->state = WRITING;
	pump(c);
}

static void sleep_or_answer(struct conn *c)
{
	if (strcmp(c->path, "/sleep50") && strcmp(c->path, "/who"))
		return answer(c);
	c->state = SLEEPING;
	c->wake = now_ms() + SLEEP_MS + 1;      /* the clock was rounded down: never early */
	c->next = NULL;
	if (last_sleeper)
		last_sleeper->next = c;
	else
		first_sleeper = c;
	last_sleeper = c;
}

/* Answers who is due; returns the ms to the next, or -1.  All delays are the same, so the queue is sorted by itself. */
static int wake_sleepers(void)
{
	while (first_sleeper) {
		struct conn *c = first_sleeper;
		int64_t left = c->wake - now_ms();
		if (left > 0)
			return (int)left;
		first_sleeper = c->next;
		if (!first_sleeper)
			last_sleeper = NULL;
		answer(c);
	}
	return -1;
}

/* The two parameters that matter.  Returns 0 when the block is malformed. */
static int params(struct conn *c, const char *p, const char *end)
{
	const char *length = NULL, *uri = NULL;
	while (p < end) {
		const char *name = p, *value = p + strnlen(p, (size_t)(end - p)) + 1;
		if (value >= end)
			return 0;
		p = value + strnlen(value, (size_t)(end - value)) + 1;
		if (p > end)
			return 0;
		if (!strcmp(name, "CONTENT_LENGTH"))
			length = value;
		else if (!strcmp(name, "REQUEST_URI"))
			uri = value;
	}
	if (!length || !uri || strlen(uri) >= sizeof c->path)
		return 0;
	strcpy(c->path, uri);
	c->path[strcspn(c->path, "?")] = 0;
	c->body_len = strtoll(length, NULL, 10);
	return 1;
}

/* Returns 1 when the head is complete, 0 when more is needed, -1 when it is malformed. */
static int parse(struct conn *c)
{
	char *colon = memchr(c->buf, ':', c->have < 8 ? c->have : 8);
	if (!colon)
		return c->have < 8 ? 0 : -1;
	size_t start = (size_t)(colon - c->buf) + 1, len = strtoul(c->buf, NULL, 10);
	if (start + len + 1 > sizeof c->buf)
		return -1;
	if (c->have < start + len + 1)
		return 0;
	if (colon[1 + len] != ',' || !params(c, colon + 1, colon + 1 + len))
		return -1;
	c->body_left = c->body_len - (int64_t)(c->have - (start + len + 1));
	return 1;
}

static void take(struct conn *c)
{
	while (c->state == READ_HEAD || c->body_left > 0) {
		int head = c->state == READ_HEAD;
		ssize_t n = head ? read(c->fd, c->buf + c->have, sizeof c->buf - c->have) : read(c->fd, sink, sizeof sink);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return park(c, EPOLLIN);
		if (n <= 0)
			return finish(c);
		if (!head) {
			c->body_left -= n;
			continue;
		}
		c->have += (size_t)n;
		int done = parse(c);
		if (done < 0) {
			fprintf(stderr, "backend: malformed request of %zu bytes\n", c->have);
			return finish(c);
		}
		if (done)
			c->state = READ_BODY;
	}
	sleep_or_answer(c);
}

static void accept_all(void)
{
	for (int i = 0; i < 64; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		struct conn *c = free_list;
		if (c)
			free_list = c->next;
		else if (!(c = malloc(sizeof *c)))
			die("malloc");
		c->fd = fd;
		c->waits = 0;
		c->state = READ_HEAD;
		c->have = 0;
		c->body_left = 0;
		take(c);
	}
}

static void serve(void)
{
	struct epoll_event events[EVENTS], l = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if ((epfd = epoll_create1(EPOLL_CLOEXEC)) < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, listen_fd, &l) < 0)
		die("epoll");
	for (;;) {
		int n = epoll_wait(epfd, events, EVENTS, wake_sleepers());
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			if (!c)
				accept_all();
			else if (c->state == WRITING)
				pump(c);
			else if (c->state != SLEEPING)  /* a sleeper finds out that it was left when it answers */
				take(c);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (argc != 3 || strlen(argv[1]) >= sizeof a.sun_path || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: backend SOCKET PROCESSES\n");
		return 2;
	}
	strcpy(a.sun_path, argv[1]);
	who = argv[1];
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < BLOCK / 8; i++) {
		char line[16];
		snprintf(line, sizeof line, "%07x\n", (unsigned)i);
		memcpy(block + i * 8, line, 8);
	}
	answered = mmap(NULL, sizeof *answered, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answered == MAP_FAILED)
		die("mmap");
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	umask(0);       /* the contenders run as different users */
	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(listen_fd, BACKLOG) < 0)
		die(argv[1]);
	for (int i = 1; i < atoi(argv[2]); i++) {
		pid_t child = fork();
		if (child < 0)
			die("fork");
		if (child == 0)
			break;
	}
	serve();
}

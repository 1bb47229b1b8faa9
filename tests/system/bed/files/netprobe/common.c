// SPDX-License-Identifier: GPL-2.0-only
#include "netprobe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("netprobe: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

long must(long result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
	return result;
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* xorshift64 */
uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

uint64_t seeded(uint64_t seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15u | 1;

	next(&state);
	return state;
}

void fill(uint64_t *state, void *buffer, size_t bytes)
{
	uint8_t *at = buffer;

	for (; bytes >= 8; at += 8, bytes -= 8) {
		uint64_t word = next(state);

		memcpy(at, &word, 8);
	}
	if (bytes) {
		uint64_t word = next(state);

		memcpy(at, &word, bytes);
	}
}

size_t same(const void *a, const void *b, size_t bytes)
{
	const uint8_t *left = a, *right = b;
	size_t at = 0;

	/* Words, for under emulation each step costs as much as a byte's. */
	for (uint64_t x, y; at + sizeof(x) <= bytes; at += sizeof(x)) {
		memcpy(&x, left + at, sizeof(x));
		memcpy(&y, right + at, sizeof(y));
		if (x != y)
			break;
	}
	while (at < bytes && left[at] == right[at])
		at++;
	return at;
}

struct sockaddr_storage resolve(const char *address, const char *port, socklen_t *length)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
	struct sockaddr_storage result = {0};

	if (getaddrinfo(address, port, &hints, &found))
		fail("%s port %s is no address", address, port);
	memcpy(&result, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	return result;
}

int connected(const char *address, const char *port, int type)
{
	socklen_t length;
	struct sockaddr_storage to = resolve(address, port, &length);
	int fd = must(socket(to.ss_family, type, 0), "socket");

	must(connect(fd, (struct sockaddr *)&to, length), "connect");
	return fd;
}

int bound(const char *port, int type)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
	int fd = must(socket(AF_INET6, type, 0), "socket"), no = 0, yes = 1, room = 4 << 20;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	must(bind(fd, (struct sockaddr *)&any, sizeof(any)), "bind");
	return fd;
}

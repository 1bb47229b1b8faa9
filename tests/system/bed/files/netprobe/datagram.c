// SPDX-License-Identifier: GPL-2.0-only
#include "netprobe.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DATAGRAM 65507
#define TRIES 5

/*
 * UDP. A datagram may be lost, that is repeated and counted; one that arrives changed is a failure. An empty one
 * cannot be told from a late empty one, which does no harm.
 */
static bool echoed(int fd, uint32_t serial, size_t bytes, int limit_ms)
{
	static uint8_t sent[BLOCK], got[BLOCK];
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint64_t state = seeded(serial);

	fill(&state, sent, bytes);
	if (bytes >= sizeof(serial))
		memcpy(sent, &serial, sizeof(serial));
	must(send(fd, sent, bytes, 0), "send");
	for (double end = now() + limit_ms / 1e3;;) {
		int left = (end - now()) * 1e3;

		if (left <= 0 || poll(&ready, 1, left) <= 0)
			return false;
		size_t length = must(recv(fd, got, sizeof(got), 0), "receive");

		if (length == bytes && !memcmp(got, sent, bytes))
			return true;
		if (length != bytes || (bytes >= sizeof(serial) && memcmp(got, &serial, sizeof(serial))))
			continue; /* the echo of an earlier one, slower than we waited */
		size_t i = same(got, sent, bytes);

		fail("byte %zu of a datagram of %zu came back as %02x instead of %02x", i, bytes, got[i], sent[i]);
	}
}

void udp(int count, char **args)
{
	int fd = connected(args[0], args[1], SOCK_DGRAM), lost = 0, room = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	for (int i = 2; i < count; i++) {
		size_t bytes = strtoull(args[i], NULL, 0);
		int tries = 0;

		if (bytes > MAX_DATAGRAM)
			fail("%zu bytes are no datagram", bytes);
		while (!echoed(fd, i, bytes, 1000)) {
			lost++;
			if (++tries == TRIES)
				fail("no datagram of %zu bytes came back in %d tries", bytes, TRIES);
		}
	}
	printf("datagrams %d lost %d\n", count - 2, lost);
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

void rtt(char **args)
{
	int fd = connected(args[0], args[1], SOCK_DGRAM), count = 0, lost = 0, room = 1 << 20;
	size_t bytes = strtoull(args[2], NULL, 0);
	float *times = calloc(room, sizeof(*times));
	double start = now(), end = start + atof(args[3]), from = start;

	while (from < end && count < room) {
		if (!echoed(fd, count, bytes, 1000))
			lost++;
		double to = now();

		times[count++] = (to - from) * 1e6;
		from = to;
	}
	qsort(times, count, sizeof(*times), by_value);
	printf("transactions %d lost %d per_second %.1f median_us %.1f p99_us %.1f\n", count, lost,
	       count / (now() - start), times[count / 2], times[count * 99 / 100]);
}

void serve_udp(int fd)
{
	static uint8_t datagram[BLOCK];
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	long bytes = recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &length);

	if (bytes >= 0)
		sendto(fd, datagram, bytes, 0, (struct sockaddr *)&from, length);
}

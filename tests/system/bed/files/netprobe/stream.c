// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP. A stream is made of pieces of every length from everywhere in a store of random bytes: nothing has to be
 * made of a byte that is sent or compared, and a piece that is lost, repeated or swapped differs from what is due.
 */
#define _GNU_SOURCE
#include "netprobe.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE (1 << 20)
#define RECEIVED (1 << 18) /* bytes at a time, at most */

enum { SEND = 1, RECEIVE = 2 }; /* what the client does */

struct order {
	uint64_t what, bytes, seed;
};

struct piece {
	size_t offset, length; /* in the store */
	bool by_reference; /* sent as the store's own pages, at that offset in them */
};

/* The store of a seed, mapped, and as a file. */
static uint8_t *make_store(uint64_t seed, int *fd)
{
	uint64_t state = seeded(seed);

	*fd = must(memfd_create("store", 0), "memfd");
	must(ftruncate(*fd, STORE), "memfd");
	uint8_t *store = mmap(NULL, STORE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);

	if (store == MAP_FAILED)
		fail("cannot map the store");
	fill(&state, store, STORE);
	return store;
}

static struct piece draw(uint64_t *state, uint64_t left)
{
	uint64_t number = next(state);
	struct piece piece = {.length = 1 + (number >> 8 & 0xffffff) % (number & 1 ? BLOCK : 3000),
			      .offset = (number >> 32) % (STORE - BLOCK),
			      .by_reference = number & 2};

	if (piece.length > left)
		piece.length = left;
	return piece;
}

static void send_all(int fd, const void *data, size_t bytes)
{
	for (const char *at = data; bytes;) {
		long done = must(send(fd, at, bytes, MSG_NOSIGNAL), "send");

		at += done;
		bytes -= done;
	}
}

static void send_file(int fd, int file, off_t offset, size_t bytes)
{
	while (bytes)
		bytes -= must(sendfile(fd, file, &offset, bytes), "sendfile");
}

static void receive_all(int fd, void *data, size_t bytes)
{
	for (char *at = data; bytes;) {
		long done = must(recv(fd, at, bytes, 0), "receive");

		if (!done)
			fail("the peer closed the connection with %zu bytes to come", bytes);
		at += done;
		bytes -= done;
	}
}

static void send_stream(int fd, uint64_t bytes, uint64_t seed)
{
	uint64_t pieces = seeded(~seed);
	int file;
	const uint8_t *store = make_store(seed, &file);

	while (bytes) {
		struct piece piece = draw(&pieces, bytes);

		if (piece.by_reference)
			send_file(fd, file, piece.offset, piece.length);
		else
			send_all(fd, store + piece.offset, piece.length);
		bytes -= piece.length;
	}
}

static void check_stream(int fd, uint64_t bytes, uint64_t seed)
{
	static uint8_t got[RECEIVED];
	uint64_t pieces = seeded(~seed), done = 0;
	struct piece due = {0};
	int file;
	const uint8_t *store = make_store(seed, &file);

	while (done < bytes) {
		size_t wanted = bytes - done < RECEIVED ? bytes - done : RECEIVED;
		long come = must(recv(fd, got, wanted, 0), "receive");

		if (!come)
			fail("the peer closed the connection with %llu bytes to come",
			     (unsigned long long)(bytes - done));
		for (size_t at = 0, n; at < (size_t)come; at += n) {
			if (!due.length)
				due = draw(&pieces, bytes - done);
			n = due.length < come - at ? due.length : come - at;
			size_t right = same(got + at, store + due.offset, n);

			if (right < n)
				fail("byte %llu of %llu arrived as %02x instead of %02x",
				     (unsigned long long)(done + right), (unsigned long long)bytes, got[at + right],
				     store[due.offset + right]);
			done += n;
			due.offset += n;
			due.length -= n;
		}
	}
}

/* Both ways at once; the streams differ, so that neither can be taken for the other. */
static void exchange(int fd, bool sending, bool receiving, struct order order, uint64_t mine, uint64_t theirs)
{
	pid_t sender = sending ? must(fork(), "fork") : 0;
	int status = 0;

	if (sending && !sender) {
		send_stream(fd, order.bytes, order.seed + mine);
		_exit(0);
	}
	if (receiving)
		check_stream(fd, order.bytes, order.seed + theirs);
	if (sending && (waitpid(sender, &status, 0) < 0 || status))
		fail("the sender failed");
}

void serve_tcp(int fd)
{
	struct order order;

	receive_all(fd, &order, sizeof(order));
	exchange(fd, order.what & RECEIVE, order.what & SEND, order, 1, 0);
	send_all(fd, &order.bytes, sizeof(order.bytes)); /* reached only when all was as it should be */
}

void tcp(char **args)
{
	bool up = strcmp(args[2], "down"), down = strcmp(args[2], "up");
	struct order order = {.what = (up ? SEND : 0) | (down ? RECEIVE : 0),
			      .bytes = strtoull(args[3], NULL, 0),
			      .seed = strtoull(args[4], NULL, 0)};
	int fd = connected(args[0], args[1], SOCK_STREAM);
	double start = now();
	uint64_t verdict;

	send_all(fd, &order, sizeof(order));
	exchange(fd, up, down, order, 0, 1);
	receive_all(fd, &verdict, sizeof(verdict));
	if (verdict != order.bytes)
		fail("the peer says %llu of %llu bytes", (unsigned long long)verdict, (unsigned long long)order.bytes);
	printf("bytes %llu seconds %.2f\n", (unsigned long long)order.bytes, now() - start);
}

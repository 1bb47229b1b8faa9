// SPDX-License-Identifier: GPL-2.0-only
/* What the verbs of netprobe share. Whatever fails ends the program with status 1 and a message. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define BLOCK 65536

/* Seconds since some moment. */
double now(void);
void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...);
/* The result of a system call that is not to fail. */
long must(long result, const char *what);

/* Numbers that depend on a seed: enough to make a misplaced, repeated or stale byte show. */
uint64_t seeded(uint64_t seed);
uint64_t next(uint64_t *state);
void fill(uint64_t *state, void *buffer, size_t bytes);
/* How many bytes are the same from the start. */
size_t same(const void *a, const void *b, size_t bytes);

/* Numeric addresses of either family. */
struct sockaddr_storage resolve(const char *address, const char *port, socklen_t *length);
int connected(const char *address, const char *port, int type);
/* To any address of this machine. */
int bound(const char *port, int type);

/* Each takes its arguments behind the verb; see main.c. */
void tcp(char **args);
void udp(int count, char **args);
void rtt(char **args);
void hear(char **args);
void tell(char **args);
void wire(char **args);

/* The serving side of a connection, and of the next datagram. */
void serve_tcp(int fd);
void serve_udp(int fd);

// SPDX-License-Identifier: GPL-2.0-only
/* What the parts of the agent share: a request, its reply, and what can be asked. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define MAX_ARGS 3

/* Bytes that grow; there is always a NUL behind them. Without memory the agent ends, and init starts it again. */
struct text {
	char *data;
	size_t length, room;
};

void append(struct text *text, const void *data, size_t length);
void __attribute__((format(printf, 2, 3))) say(struct text *text, const char *format, ...);

struct request {
	char tag[32];
	double limit; /* seconds */
	char *args[MAX_ARGS]; /* each ends with a NUL, and the last one may hold others */
	size_t lengths[MAX_ARGS];
};

/* status: what a command exited with, or an errno of what the agent did itself. */
struct reply {
	int status;
	bool late;
	struct text out, err;
};

/* Seconds since some moment. */
double now(void);
void rest(double seconds);
/* Sets status and the message to those of errno. */
void fail(struct reply *reply, const char *what);

/* What can be asked, see main.c. */
void run(struct request *request, struct reply *reply);
void exists(struct request *request, struct reply *reply);
void read_file(struct request *request, struct reply *reply);
void write_file(struct request *request, struct reply *reply);
void await_file(struct request *request, struct reply *reply);
void insmod(struct request *request, struct reply *reply);
void modprobe(struct request *request, struct reply *reply);
void rmmod(struct request *request, struct reply *reply);

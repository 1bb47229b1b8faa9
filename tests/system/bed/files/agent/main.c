// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does what the host asks for in a domain: runs commands, and without any process what is needed all the time.
 *
 *   agent LINE     a console that is not the kernel's, or "-": standard input, which is a socket
 *
 * A request is a line "?TAG LIMIT NAME" with arguments that each follow a NUL; LIMIT is in seconds of this domain. A
 * reply is a line "=TAG STATUS LATE LENGTH BYTES": LENGTH bytes of output, then those of the error output. In both a
 * newline is written as DLE J and a DLE as DLE P, so that a line always ends where it ends: what a restart cuts off
 * costs nothing but itself. A line "!" on a console says that the agent has begun, and knows of no request.
 *
 * Each request has a thread of its own, and a command a process too: one that hangs in the kernel costs the caller a
 * time-out, not the domain.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define DLE 0x10
#define STACK (256 << 10)

static int line = STDIN_FILENO;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static void nothing(struct request *request, struct reply *reply)
{
	(void)request, (void)reply;
}

static const struct ask {
	const char *name;
	int args;
	void (*act)(struct request *request, struct reply *reply);
} asks[] = {
	{"nothing", 0, nothing},   {"run", 2, run}, /* a bash command, its standard input */
	{"exists", 1, exists}, /* a path */
	{"read", 1, read_file}, /* a path */
	{"write", 3, write_file}, /* a path, an offset, bytes */
	{"await", 3, await_file}, /* a condition, a path, a text: see files.c */
	{"insmod", 2, insmod}, /* a path, parameters */
	{"modprobe", 2, modprobe}, /* a name, parameters */
	{"rmmod", 1, rmmod}, /* a name */
};

struct task {
	const struct ask *ask;
	struct request request;
	char *text; /* which the arguments are in */
};

void append(struct text *text, const void *data, size_t length)
{
	if (text->length + length + 1 > text->room) {
		text->room = 2 * (text->length + length + 1);
		text->data = realloc(text->data, text->room);
		if (!text->data)
			exit(1);
	}
	memcpy(text->data + text->length, data, length);
	text->length += length;
	text->data[text->length] = 0;
}

void say(struct text *text, const char *format, ...)
{
	va_list args;
	char said[1024];

	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	append(text, said, strlen(said));
}

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void rest(double seconds)
{
	struct timespec time = {.tv_sec = (time_t)seconds};

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

void fail(struct reply *reply, const char *what)
{
	reply->status = errno;
	say(&reply->err, "%s: %s\n", what, strerror(reply->status));
}

static void send_all(const char *data, size_t length)
{
	pthread_mutex_lock(&writing);
	while (length) {
		ssize_t sent = write(line, data, length);

		if (sent < 0 && errno != EINTR && errno != EAGAIN)
			exit(1);
		if (sent > 0) {
			data += sent;
			length -= (size_t)sent;
		}
	}
	pthread_mutex_unlock(&writing);
}

static void escape(struct text *to, const struct text *from)
{
	const char *data = from->data, *end = data + from->length;

	while (data < end) {
		size_t plain = 0;

		while (data + plain < end && data[plain] != '\n' && data[plain] != DLE)
			plain++;
		append(to, data, plain);
		data += plain;
		if (data < end)
			append(to, *data++ == '\n' ? "\x10J" : "\x10P", 2);
	}
}

/* In place; returns the new length. */
static size_t unescape(char *data, size_t length)
{
	size_t to = 0;

	for (size_t from = 0; from < length; from++) {
		char next = data[from];

		if (next == DLE && from + 1 < length)
			next = data[++from] == 'J' ? '\n' : DLE;
		data[to++] = next;
	}
	return to;
}

static void answer(const struct request *request, struct reply *reply)
{
	struct text text = {0};

	say(&text, "=%s %d %d %zu ", request->tag, reply->status, reply->late, reply->out.length);
	escape(&text, &reply->out);
	escape(&text, &reply->err);
	append(&text, "\n", 1);
	send_all(text.data, text.length);
	free(text.data);
	free(reply->out.data);
	free(reply->err.data);
}

static void *serve(void *argument)
{
	struct task *task = argument;
	struct reply reply = {0};

	task->ask->act(&task->request, &reply);
	answer(&task->request, &reply);
	free(task->text);
	free(task);
	return NULL;
}

static const struct ask *find(const char *name)
{
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++)
		if (!strcmp(asks[i].name, name))
			return &asks[i];
	return NULL;
}

/* Fills in a task from its text; false when that is none, be it the rest of a line or what nobody knows. */
static bool parse(struct task *task, size_t length)
{
	char name[32], *text = task->text, *end = text + length;
	struct request *request = &task->request;

	if (sscanf(text, "?%31s %lf %31s", request->tag, &request->limit, name) != 3)
		return false;
	task->ask = find(name);
	for (int i = 0; task->ask && i < task->ask->args; i++) {
		text += strlen(text) + 1;
		if (text > end)
			return false;
		request->args[i] = text;
		request->lengths[i] = i + 1 < task->ask->args ? strlen(text) : (size_t)(end - text);
	}
	return true;
}

static void take(const char *data, size_t length, const pthread_attr_t *attributes)
{
	struct task *task = calloc(1, sizeof(*task));
	struct reply reply = {.status = EINVAL};
	pthread_t thread;

	if (!task || !(task->text = malloc(length + 1)))
		exit(1);
	memcpy(task->text, data, length);
	length = unescape(task->text, length);
	task->text[length] = 0;
	if (parse(task, length)) {
		if (task->ask && !pthread_create(&thread, attributes, serve, task))
			return;
		say(&reply.err, task->ask ? "no thread for it\n" : "the agent cannot do that\n");
		answer(&task->request, &reply);
	}
	free(task->text);
	free(task);
}

static void open_line(const char *path)
{
	struct termios settings;

	if (strcmp(path, "-"))
		line = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line < 0) {
		perror(path);
		exit(1);
	}
	if (!tcgetattr(line, &settings)) {
		cfmakeraw(&settings);
		tcsetattr(line, TCSANOW, &settings);
		/* A reply cut short by a restart must not be glued to the next one; whoever waits for one is told. */
		send_all("\n!\n", 3);
	}
}

int main(int argc, char **argv)
{
	struct text pending = {0};
	pthread_attr_t attributes;
	char data[65536];

	if (argc != 2)
		return 2;
	open_line(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	mallopt(M_ARENA_MAX, 1);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK);
	for (;;) {
		ssize_t got = read(line, data, sizeof(data));
		size_t begin = 0;

		if (got <= 0 && errno != EINTR)
			return 1;
		for (ssize_t i = 0; i < got; i++) {
			if (data[i] != '\n')
				continue;
			append(&pending, data + begin, (size_t)i - begin);
			take(pending.data, pending.length, &attributes);
			pending.length = 0;
			begin = (size_t)i + 1;
		}
		if (got > 0)
			append(&pending, data + begin, (size_t)got - begin);
	}
}

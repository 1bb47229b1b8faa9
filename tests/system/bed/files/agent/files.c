// SPDX-License-Identifier: GPL-2.0-only
/* Files: whether they are there, what is in them, and waiting for either. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two looks. No kernel tells of a change in sysfs, and each look of an idle domain is an exit to Xen. */
#define SHORTEST 0.002
#define LONGEST 0.02

void exists(struct request *request, struct reply *reply)
{
	if (access(request->args[0], F_OK))
		fail(reply, request->args[0]);
}

/* False leaves errno. */
static bool content(const char *path, struct text *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	char part[65536];
	ssize_t got;

	if (fd < 0)
		return false;
	while ((got = read(fd, part, sizeof(part))) > 0)
		append(text, part, (size_t)got);
	error = errno;
	close(fd);
	errno = error;
	return got == 0;
}

void read_file(struct request *request, struct reply *reply)
{
	if (!content(request->args[0], &reply->out))
		fail(reply, request->args[0]);
}

/* At offset 0 what the file held before is gone; so a long file can be sent in parts. */
void write_file(struct request *request, struct reply *reply)
{
	off_t at = atoll(request->args[1]);
	int fd = open(request->args[0], O_WRONLY | O_CREAT | O_CLOEXEC | (at ? 0 : O_TRUNC), 0644);
	size_t length = request->lengths[2], done = 0;
	ssize_t put = 0;

	if (fd < 0) {
		fail(reply, request->args[0]);
		return;
	}
	/* Without an offset, for not all files have one. */
	if (at && lseek(fd, at, SEEK_SET) != at)
		put = -1;
	while (put >= 0 && done < length) {
		put = write(fd, request->args[2] + done, length - done);
		done += put > 0 ? (size_t)put : 0;
	}
	if (put < 0)
		fail(reply, request->args[0]);
	close(fd);
}

/* The name of the first entry of a directory. */
static bool entry(const char *path, struct text *name)
{
	DIR *folder = opendir(path);
	struct dirent *next;

	while (folder && (next = readdir(folder))) {
		if (next->d_name[0] == '.')
			continue;
		append(name, next->d_name, strlen(next->d_name));
		break;
	}
	if (folder)
		closedir(folder);
	return name->length > 0;
}

static bool first_line(const char *path, struct text *text)
{
	if (!content(path, text))
		return false;
	text->length = strcspn(text->data ? text->data : "", "\n");
	return true;
}

/* exists, gone, block: what there is at a path. entry: anything in a directory. line: a file's first line is a text.
 * What was seen last is the output. */
static bool met(struct request *request, struct text *seen)
{
	const char *condition = request->args[0], *path = request->args[1];
	struct stat status;
	bool there = !stat(path, &status);

	seen->length = 0;
	if (!strcmp(condition, "exists"))
		return there;
	if (!strcmp(condition, "gone"))
		return !there;
	if (!strcmp(condition, "block"))
		return there && S_ISBLK(status.st_mode);
	if (!strcmp(condition, "entry"))
		return entry(path, seen);
	return first_line(path, seen) && seen->length == request->lengths[2] &&
	       !memcmp(seen->data ? seen->data : "", request->args[2], seen->length);
}

void await_file(struct request *request, struct reply *reply)
{
	double until = now() + request->limit, pause = SHORTEST;

	while (!met(request, &reply->out)) {
		if (now() > until) {
			reply->status = ETIMEDOUT;
			say(&reply->err, "waited %.1f s for %s: %s %s\n", request->limit, request->args[1],
			    request->args[0], request->args[2]);
			return;
		}
		rest(pause);
		pause = pause * 1.5 < LONGEST ? pause * 1.5 : LONGEST;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/* Kernel modules, loaded and unloaded as kmod's tools do it. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* False leaves errno. */
static bool load(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	long result;

	if (fd < 0)
		return false;
	result = syscall(SYS_finit_module, fd, parameters, 0);
	error = errno;
	close(fd);
	errno = error;
	return !result;
}

void insmod(struct request *request, struct reply *reply)
{
	if (!load(request->args[0], request->args[1]))
		fail(reply, request->args[0]);
}

/* Whether a file is of the module of that name; '-' and '_' are the same in it. */
static bool is_of(const char *path, size_t length, const char *name)
{
	const char *file = memrchr(path, '/', length);
	size_t i;

	file = file ? file + 1 : path;
	for (i = 0; name[i]; i++)
		if (file + i >= path + length || (file[i] == '-' ? '_' : file[i]) != (name[i] == '-' ? '_' : name[i]))
			return false;
	return (size_t)(path + length - file) > i && file[i] == '.';
}

/* A line of depmod's list says what a module needs, what is needed first last. Gives the line, without its end. */
static char *line_of(FILE *list, const char *name)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, list) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (is_of(line, strcspn(line, ":"), name))
			return line;
	}
	free(line);
	return NULL;
}

/* From the list of the running kernel; NULL: not there. */
static char *listed(const char *folder, const char *file, const char *name)
{
	char path[256], *line = NULL;
	FILE *list;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	list = fopen(path, "re");
	if (list) {
		line = line_of(list, name);
		fclose(list);
	}
	return line;
}

/* A module that is there already is as good as one that this loads. */
static bool load_listed(const char *folder, const char *file, const char *parameters, struct reply *reply)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	if (load(path, parameters) || errno == EEXIST)
		return true;
	fail(reply, path);
	return false;
}

void modprobe(struct request *request, struct reply *reply)
{
	const char *name = request->args[0];
	char folder[128], *line, *last;
	struct utsname kernel;

	uname(&kernel);
	snprintf(folder, sizeof(folder), "/lib/modules/%s", kernel.release);
	line = listed(folder, "modules.dep", name);
	if (!line) {
		line = listed(folder, "modules.builtin", name);
		if (!line) {
			errno = ENOENT;
			fail(reply, name);
		}
		free(line);
		return;
	}
	while ((last = strrchr(line, ' '))) {
		if (last[1] && !load_listed(folder, last + 1, "", reply))
			break;
		*last = 0;
	}
	if (!last) {
		line[strcspn(line, ":")] = 0;
		load_listed(folder, line, request->args[1], reply);
	}
	free(line);
}

/* A device that has left xenstore is let go of by its driver a little later: waits for that. */
void rmmod(struct request *request, struct reply *reply)
{
	double until = now() + request->limit;

	while (syscall(SYS_delete_module, request->args[0], O_NONBLOCK)) {
		if ((errno != EAGAIN && errno != EBUSY) || now() > until) {
			fail(reply, request->args[0]);
			return;
		}
		rest(0.005);
	}
}

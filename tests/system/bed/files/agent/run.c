// SPDX-License-Identifier: GPL-2.0-only
/* Commands, each in a session of its own, so that a time limit ends it with all its children. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 5.0 /* seconds from SIGTERM to SIGKILL, and from that to giving up */
#define LATE 124 /* what timeout(1) exits with, */
#define KILLED 137 /* and when SIGTERM was not enough */

extern char **environ;

/* A file without a name, for a command's input or output: what a child in the background writes later waits for nobody. */
static int anonymous(const char *data, size_t length)
{
	int fd = memfd_create("agent", MFD_CLOEXEC);

	if (fd >= 0 && (write(fd, data, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET)))
		exit(1);
	return fd;
}

static void collect(int fd, struct text *text)
{
	struct stat status;
	char part[4096];
	off_t at = 0;
	ssize_t got;

	/* As much as there is now: somebody in the background may write faster than this reads. */
	if (fstat(fd, &status))
		return;
	while (at < status.st_size && (got = pread(fd, part, sizeof(part), at)) > 0) {
		append(text, part, (size_t)got);
		at += got;
	}
}

static int spawn(pid_t *child, char *command, const int *fds)
{
	char *argv[] = {"bash", "-c", command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t pipe;
	int error;

	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	posix_spawnattr_init(&attributes);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawnp(child, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error;
}

/* Whether the command itself ends within so many seconds. */
static bool ended(int pidfd, double seconds)
{
	struct pollfd process = {.fd = pidfd, .events = POLLIN};
	double until = now() + seconds, left;

	while ((left = until - now()) > 0)
		if (poll(&process, 1, left > 1e6 ? 1000000000 : (int)(left * 1000) + 1) > 0)
			return true;
	return false;
}

/* Whether the last of its children has ended too. The command itself must have been waited for. */
static bool alone(pid_t child, double seconds)
{
	double until = now() + seconds;

	while (!kill(-child, 0)) {
		if (now() > until)
			return false;
		rest(0.02);
	}
	return true;
}

static int exit_status(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Of a command that is late; false: not even SIGKILL ends it, for it hangs in the kernel. */
static bool end(pid_t child, int pidfd, struct reply *reply)
{
	reply->late = true;
	reply->status = LATE;
	kill(-child, SIGTERM);
	if (!ended(pidfd, PATIENCE)) {
		reply->status = KILLED;
		kill(-child, SIGKILL);
		return ended(pidfd, PATIENCE) && exit_status(child) >= 0;
	}
	exit_status(child);
	if (!alone(child, PATIENCE))
		kill(-child, SIGKILL);
	return true;
}

void run(struct request *request, struct reply *reply)
{
	int fds[3] = {anonymous(request->args[1], request->lengths[1]), anonymous("", 0), anonymous("", 0)};
	pid_t child;

	errno = spawn(&child, request->args[0], fds);
	if (errno) {
		fail(reply, "bash");
	} else {
		int pidfd = (int)syscall(SYS_pidfd_open, child, 0);

		if (ended(pidfd, request->limit))
			reply->status = exit_status(child);
		else
			end(child, pidfd, reply);
		close(pidfd);
		collect(fds[1], &reply->out);
		collect(fds[2], &reply->err);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

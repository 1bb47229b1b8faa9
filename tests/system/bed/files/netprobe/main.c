// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic whose every byte is checked, for both ends of a network link; one program, so that both ends agree.
 *
 *   netprobe serve PORT                          answers the following ones, in the background
 *   netprobe tcp ADDRESS PORT up|down|both BYTES SEED
 *   netprobe udp ADDRESS PORT SIZE...            each datagram must come back as it was
 *   netprobe rtt ADDRESS PORT SIZE SECONDS       how long that takes, one at a time
 *   netprobe hear GROUP PORT DEVICE COUNT SECONDS / netprobe tell GROUP PORT DEVICE COUNT
 *   netprobe wire DEVICE SECONDS                 checksums of the frames that arrive at a device; SIGTERM ends it
 *
 * Results are "name value" pairs on one line; status 1 and a message say what was wrong.
 */
#include "netprobe.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(const char *port)
{
	int tcp = bound(port, SOCK_STREAM), udp = bound(port, SOCK_DGRAM);
	struct pollfd ready[] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};

	must(listen(tcp, 16), "listen");
	signal(SIGCHLD, SIG_DFL);
	must(daemon(1, 0), "daemon");
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (poll(ready, 2, 1000) <= 0)
			continue;
		if (ready[1].revents)
			serve_udp(udp);
		if (ready[0].revents) {
			int fd = accept(tcp, NULL, NULL);

			if (fd >= 0 && !fork()) {
				serve_tcp(fd);
				_exit(0);
			}
			close(fd);
		}
	}
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	char **args = argv + 2;
	int count = argc - 2;

	if (!strcmp(verb, "serve") && count == 1)
		serve(args[0]);
	else if (!strcmp(verb, "tcp") && count == 5)
		tcp(args);
	else if (!strcmp(verb, "udp") && count > 2)
		udp(count, args);
	else if (!strcmp(verb, "rtt") && count == 4)
		rtt(args);
	else if (!strcmp(verb, "hear") && count == 5)
		hear(args);
	else if (!strcmp(verb, "tell") && count == 4)
		tell(args);
	else if (!strcmp(verb, "wire") && count == 2)
		wire(args);
	else
		fail("what to do? Its source says what it takes");
	return 0;
}

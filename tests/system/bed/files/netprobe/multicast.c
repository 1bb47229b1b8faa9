// SPDX-License-Identifier: GPL-2.0-only
#include "netprobe.h"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void hear(char **args)
{
	socklen_t length;
	struct sockaddr_storage group = resolve(args[0], args[1], &length);
	struct group_req request = {.gr_interface = if_nametoindex(args[2]), .gr_group = group};
	int fd = must(socket(group.ss_family, SOCK_DGRAM, 0), "socket"), yes = 1, wanted = atoi(args[3]), heard = 0;
	int level = group.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	double end = now() + atof(args[4]);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	must(bind(fd, (struct sockaddr *)&group, length), "bind");
	must(setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof(request)), "join");
	while (heard < wanted && now() < end) {
		uint64_t serial;

		if (poll(&ready, 1, 100) > 0 && recv(fd, &serial, sizeof(serial), 0) == sizeof(serial))
			heard++;
	}
	printf("heard %d\n", heard);
	if (heard < wanted)
		fail("heard %d of %d", heard, wanted);
}

void tell(char **args)
{
	socklen_t length;
	struct sockaddr_storage group = resolve(args[0], args[1], &length);
	int fd = must(socket(group.ss_family, SOCK_DGRAM, 0), "socket"), index = if_nametoindex(args[2]), no = 0;
	struct ip_mreqn through = {.imr_ifindex = index};

	if (group.ss_family == AF_INET6) {
		must(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)), "device");
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &no, sizeof(no));
	} else {
		must(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &through, sizeof(through)), "device");
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &no, sizeof(no));
	}
	for (uint64_t serial = 0; serial < strtoull(args[3], NULL, 0); serial++) {
		must(sendto(fd, &serial, sizeof(serial), 0, (struct sockaddr *)&group, length), "send");
		usleep(10000);
	}
}

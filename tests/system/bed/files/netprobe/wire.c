// SPDX-License-Identifier: GPL-2.0-only
/* Frames as they arrive. */
#include "netprobe.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t sum(const uint8_t *data, size_t bytes, uint32_t total)
{
	for (; bytes > 1; data += 2, bytes -= 2)
		total += data[0] << 8 | data[1];
	if (bytes)
		total += data[0] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

enum verdict { OTHER, GOOD, BAD };

/* TCP and UDP that is no fragment, straight behind an IP header. */
static enum verdict judge(const uint8_t *frame, size_t bytes)
{
	const uint8_t *ip = frame + ETH_HLEN;
	size_t header, length, addresses;
	uint8_t protocol;

	if (bytes < ETH_HLEN + 40u)
		return OTHER;
	if (frame[12] == 0x08 && frame[13] == 0x00) {
		header = (ip[0] & 15) * 4;
		length = (ip[2] << 8 | ip[3]) - header;
		protocol = ip[9];
		addresses = 12;
		if ((ip[6] & 0x3f) || ip[7])
			return OTHER;
		if (sum(ip, header, 0) != 0xffff)
			return BAD;
	} else if (frame[12] == 0x86 && frame[13] == 0xdd) {
		header = 40;
		length = ip[4] << 8 | ip[5];
		protocol = ip[6];
		addresses = 8;
	} else {
		return OTHER;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return OTHER;
	if (ETH_HLEN + header + length > bytes)
		return BAD;
	if (protocol == IPPROTO_UDP && !ip[header + 6] && !ip[header + 7])
		return addresses == 12 ? OTHER : BAD;
	uint32_t total = sum(ip + addresses, addresses == 12 ? 8 : 32, protocol + length);

	return sum(ip + header, length, total) == 0xffff ? GOOD : BAD;
}

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

void wire(char **args)
{
	struct sigaction action = {.sa_handler = end};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = must(socket(AF_PACKET, SOCK_RAW, 0), "socket"), yes = 1, room = 32 << 20;
	unsigned long good = 0, bad = 0, blank = 0, longest = 0, frames = 0;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	double limit = now() + atof(args[1]);
	static uint8_t frame[1 << 17];

	at.sll_ifindex = if_nametoindex(args[0]);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	must(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof(yes)), "auxdata");
	must(bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	sigaction(SIGTERM, &action, NULL);
	while (!ended && now() < limit) {
		char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct sockaddr_ll from;
		struct iovec part = {frame, sizeof(frame)};
		struct msghdr message = {&from, sizeof(from), &part, 1, control, sizeof(control), 0};

		if (poll(&ready, 1, 100) <= 0)
			continue;
		long bytes = recvmsg(fd, &message, 0);
		struct cmsghdr *extra = CMSG_FIRSTHDR(&message);

		if (bytes <= 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		enum verdict verdict = judge(frame, bytes);
		struct tpacket_auxdata aux = {0};

		if (extra)
			memcpy(&aux, CMSG_DATA(extra), sizeof(aux));
		frames++;
		if (verdict != OTHER && (aux.tp_status & TP_STATUS_CSUMNOTREADY))
			blank++;
		else if (verdict != OTHER)
			(*(verdict == GOOD ? &good : &bad))++;
		if ((unsigned long)bytes > longest)
			longest = bytes;
	}
	printf("frames %lu good %lu bad %lu blank %lu longest %lu\n", frames, good, bad, blank, longest);
}

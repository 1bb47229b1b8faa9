#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""flows.py INTERFACE ROUNDS [bypass]: sends packets of many flows, each kind that a hash treats differently.

bypass: past the queueing discipline. handfront knows them by their source address.
"""

import socket
import struct
import sys
import time

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
TCP, UDP, IPIP = 6, 17, 4
ETHERNET = b"\xff" * 6 + bytes((0x02, 0, 0, 0, 0, 0x99))


def ipv4(protocol, number, payload, fragment=0):
    source, destination = bytes((10, 99, number, 1)), bytes((10, 77, 0, 200))
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0, source,
                       destination) + payload


def ipv6(protocol, number, payload):
    source, destination = bytes((0xfd, 0x99)) + bytes(12) + bytes((number, 1)), bytes((0xfd, 0x77)) + bytes(13) + b"\1"
    return struct.pack("!IHBB16s16s", (6 << 28) | number, len(payload), protocol, 64, source, destination) + payload


def tcp(number):
    return struct.pack("!HHIIBBHHH", 1000 + number, 80, 1, 0, 5 << 4, 2, 1024, 0, 0) + bytes(20)


def udp(number):
    return struct.pack("!HHHH", 1000 + number, 53, 48, 0) + bytes(40)


def frames(number):
    """Of seven kinds: ipv4 four times, of which one is TCP that counts; ipv6 twice; something else."""
    for kind, packet in ((0x0800, ipv4(UDP, number, udp(number))),
                         (0x0800, ipv4(TCP, number, tcp(number))),
                         (0x0800, ipv4(TCP, number, tcp(number), fragment=0x2000)),
                         (0x0800, ipv4(IPIP, number, ipv4(TCP, 255 - number, tcp(number)))),
                         (0x86dd, ipv6(UDP, number, udp(number))),
                         (0x86dd, ipv6(TCP, number, tcp(number))),
                         (0x88b5, bytes(60))):
        yield ETHERNET + struct.pack("!H", kind) + packet


def main():
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((sys.argv[1], 0))
    if "bypass" in sys.argv:
        out.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    for number in range(int(sys.argv[2])):
        for frame in frames(number):
            out.send(frame)
        time.sleep(0.01)


main()

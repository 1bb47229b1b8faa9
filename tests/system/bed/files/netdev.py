# SPDX-License-Identifier: GPL-2.0-only
"""Network interfaces, set as ip and brctl set them, by the same requests to the kernel."""

import fcntl
import socket
import struct

GET_FLAGS, SET_FLAGS, GET_MTU, SET_MTU, SET_ADDRESS, ADD_PORT = 0x8913, 0x8914, 0x8921, 0x8922, 0x8924, 0x89a2
UP = 1
ETHERNET = 1


def _request(number, name, layout="22x", *values):
    """One of the requests that take a struct ifreq; returns the bytes behind the name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        data = struct.pack(f"=16s{layout}", name.encode(), *values).ljust(40, b"\0")
        return fcntl.ioctl(any_socket, number, data)[16:]


def set_up(name, up):
    flags, = struct.unpack_from("=H", _request(GET_FLAGS, name))
    _request(SET_FLAGS, name, "H", flags | UP if up else flags & ~UP)


def mtu(name):
    return struct.unpack_from("=i", _request(GET_MTU, name))[0]


def make_port(name, bridge):
    """What Xen's vif-bridge does to a guest's interface: a port of the bridge, of its MTU, and no address of its own
    that anybody would take for a peer's. Returns the MTU."""
    size = mtu(bridge)
    set_up(name, False)
    _request(SET_ADDRESS, name, "H6s", ETHERNET, b"\xfe" + b"\xff" * 5)
    _request(SET_MTU, name, "i", size)
    _request(ADD_PORT, bridge, "i", socket.if_nametoindex(name))
    set_up(name, True)
    return size

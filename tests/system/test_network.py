# SPDX-License-Identifier: GPL-2.0-only
"""The network pair on real Xen: every front with every back, each byte checked, and what administrators do to NICs.

A link stays up over the tests of a pair, for attaching costs more than most of them; the last test of each takes it
away and looks at what is left.
"""

import contextlib
import random

import pytest

from bed import counters, nics, traffic
from bed.layout import BedError
from bed.pair import emulated, networked

OUR_FRONT, OUR_BACK = "xenpv_netfront", "xenpv_netback"
PAIRS = [
    (OUR_FRONT, OUR_BACK),
    (OUR_FRONT, "xen-netback"),
    ("xen-netfront", OUR_BACK),
    ("xen-netfront", "xen-netback"),
]
EACH_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=[f"{f}:{b}" for f, b in PAIRS], scope="class")
MIB = 1 << 20
HEADERS = {4: 28, 6: 48}  # IP and ICMP or UDP
# Around what fits a small packet, a page, a frame, several fragments, and the whole of it.
SIZES = [0, 1, 2, 17, 63, 64, 127, 128, 129, 200, 255, 256, 257, 1000, 1471, 1472, 1473, 1499, 1500, 2900, 4053, 4095,
         4096, 4097, 8192, 16384, 20000, 32768, 48000, 61440, 65000, 65506, 65507]
# Of both senders at once: segmented above the driver, in the kernel's last moment, and nothing left to anybody else.
SWITCHES = [{"tx": True, "sg": True, "tso": False, "gso": False}, {"tx": True, "sg": True, "tso": False, "gso": True},
            {"tx": False, "sg": False, "tso": False, "gso": False}]


class Keeper:
    """The link that is up, with what its guest held before."""

    def __init__(self):
        self.undo = contextlib.ExitStack()
        self.link = self.pair = self.before = None

    def get(self, guest, pair):
        if self.link and self.link.guest is not guest:
            with contextlib.suppress(BedError):  # the guest has died, and been replaced
                self.close()
        if self.link is None or self.pair != pair:
            self.close()
            self.before = guest.counts()
            self.link = self.undo.enter_context(networked(guest, *pair))
            self.pair = pair
            traffic.serve(guest.dom0)
        return self.link

    def close(self):
        self.link = None
        self.undo.close()


@pytest.fixture(scope="class")
def keeper():
    keeper = Keeper()
    yield keeper
    keeper.close()


@pytest.fixture
def link(keeper, pvh, pair):
    return keeper.get(pvh, pair)


@pytest.fixture
def second(bed):
    """Another guest, for traffic that does not end in dom0."""
    guest = bed.guests.get("second")
    return guest if guest and guest.answers() else bed.create_guest("second", memory=256)


def some_bytes():
    """A length that differs from run to run; it is in the report of a failure."""
    return random.randint(3 * MIB, 6 * MIB)


def ping(domain, address, size=56, options=""):
    """busybox in the guest, iputils in dom0: only what both understand."""
    domain.run(f"ping -c 1 -W 5 -s {size} {options} {address}")


@EACH_PAIR
class TestLink:
    def test_ping(self, link):
        for domain, four, six in ((link.guest, link.dom0_ip4, link.dom0_ip6), (link.guest.dom0, link.ip4, link.ip6)):
            for address in (four, six):
                ping(domain, address)
                ping(domain, address, 1400)

    def test_tcp_keeps_data(self, link):
        """Half a gigabyte each way."""
        for address, way in ((link.dom0_ip4, "up"), (link.dom0_ip4, "down"), (link.dom0_ip6, "both")):
            size = 256 * MIB + some_bytes()
            figures = traffic.tcp(link.guest, address, way, size, random.getrandbits(32))
            print(f"{way}: {size} bytes in {figures['seconds']} s")
            assert figures["bytes"] == size

    def test_udp_keeps_data(self, link):
        for address in (link.dom0_ip4, link.dom0_ip6):
            figures = traffic.udp(link.guest, address, SIZES)
            assert figures["lost"] <= 3, "a datagram at a time, and still they are lost"

    def test_large_frames(self, link):
        nics.set_mtu(link.guest, link.front, 9000)
        try:
            ping(link.guest.dom0, link.ip4, 9000 - HEADERS[4], "-M do")
            ping(link.guest, link.dom0_ip6, 9000 - HEADERS[6])
            traffic.tcp(link.guest, link.dom0_ip4, "both", some_bytes())
            traffic.udp(link.guest, link.dom0_ip4, [1472, 4096, 8971, 8972, 8973, 65507])
        finally:
            nics.set_mtu(link.guest, link.front, 1500)

    def test_offloads(self, link):
        ends = (link.guest, link.front), (link.guest.dom0, link.back)
        try:
            for switches in SWITCHES:
                for domain, netdev in ends:
                    nics.set_features(domain, netdev, **switches)
                print(switches)
                traffic.tcp(link.guest, link.dom0_ip4, "both", 2 * MIB)
                traffic.tcp(link.guest, link.dom0_ip6, "both", 2 * MIB)
                traffic.udp(link.guest, link.dom0_ip4, [1, 1472, 1473, 20000])
        finally:
            for domain, netdev in ends:
                nics.set_features(domain, netdev, tx=True, sg=True, tso=True, gso=True)

    def test_checksums_on_the_wire(self, link):
        """With the sender's offloads off each frame is whole and right; in IPv6, where any driver lets them go off."""
        guest, dom0 = link.guest, link.guest.dom0
        try:
            for sender, out, hearer, at, way in ((guest, link.front, dom0, link.back, "up"),
                                                 (dom0, link.back, guest, link.front, "down")):
                def send(way=way):
                    traffic.tcp(guest, link.dom0_ip6, way, MIB)
                    traffic.udp(guest, link.dom0_ip6, [1, 64, 1000, 1400])

                nics.set_features(hearer, at, gro=False)
                assert traffic.watch_wire(hearer, at, send)["blank"] > 0, "no checksum was ever left to the other end"
                nics.set_features(sender, out, tx=False, tso=False, gso=False)
                assert not nics.features(sender, out)["tx-checksum-ipv6"][0]
                seen = traffic.watch_wire(hearer, at, send)
                assert seen["bad"] == seen["blank"] == 0 and seen["good"] > 0 and seen["longest"] <= 1514, (way, seen)
        finally:
            for domain, netdev in ((guest, link.front), (dom0, link.back)):
                nics.set_features(domain, netdev, tx=True, sg=True, tso=True, gso=True, gro=True)

    def test_multicast(self, link):
        guest, dom0 = link.guest, link.guest.dom0
        for group in ("239.77.0.1", "ff15::77"):
            traffic.multicast(guest, link.front, dom0, nics.BRIDGE, group)
            traffic.multicast(dom0, nics.BRIDGE, guest, link.front, group)

    def test_guest_to_guest(self, link, second, pair):
        before = second.counts()
        with networked(second, *pair) as other:
            traffic.serve(second)
            ping(link.guest, other.ip4)
            traffic.tcp(link.guest, other.ip4, "both", 2 * MIB)
            traffic.udp(link.guest, other.ip6, [1, 1472, 9000, 65507])
        counters.await_baseline(second, before)

    def test_detach_under_load(self, keeper, link):
        """The load has lost its network, which TCP bears; the next link takes up where this one was."""
        guest = link.guest
        traffic.start_load(link)
        nics.detach(guest, link.devid)
        traffic.end_load(link)
        assert guest.run(f"test -e /sys/class/net/{link.front}", check=False).rc, "the interface is still there"
        nics.attach(guest, link.devid)
        nics.configure(guest, nics.await_connected(guest, link.devid), link.devid)
        ping(guest, link.dom0_ip4)
        traffic.tcp(guest, link.dom0_ip4, "both", MIB)

    def test_nothing_is_left(self, keeper, link):
        """After all of the above, grants and event channels are what they were before the NIC."""
        guest, before = link.guest, keeper.before
        assert guest.counts().granted > before.granted, "the counters do not see the NIC"
        keeper.close()
        counters.await_baseline(guest, before)


@pytest.mark.parallel
def test_emulated_nic_works_beside_a_pv_one(hvm):
    guest = hvm
    traffic.serve(guest.dom0)
    with emulated(guest, "e1000") as slow:
        ping(guest, slow.dom0_ip4)
        traffic.tcp(guest, slow.dom0_ip6, "both", MIB)
        with networked(guest, devid=1) as quick:
            assert quick.front != slow.front
            ping(guest, quick.dom0_ip4)

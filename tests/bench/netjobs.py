# SPDX-License-Identifier: GPL-2.0-only
"""What is measured of a network link: jobs, and what is read from their results."""

import contextlib
from dataclasses import dataclass

import costs
import joblist
from bed import nics, traffic
from bed.layout import BedError

IPERF_PORT = 5201
UP, DOWN = "up", "down"  # from the guest, to the guest
DATA = {UP: costs.UP, DOWN: costs.DOWN, "both": costs.UP + costs.DOWN}
FULL_FRAME = 1514  # bytes, with the Ethernet header


@dataclass(frozen=True)
class Job:
    """What the list says of it."""

    workload: str
    short: str
    way: str
    metric: str
    unit: str
    options: tuple = ()  # of iperf3
    bytes: int = 0  # of a datagram that netprobe sends

    @property
    def data(self):
        return DATA[self.way]


class Stream(Job):
    """iperf3 over TCP; the value is what the receiver got."""

    def measure(self, link, seconds):
        return _iperf(self, link, seconds)["sum_received"]["bits_per_second"] / 1e6


class FullFrames(Stream):
    """The same with nothing put together from many packets, as most of what is forwarded is: of a link of our pair."""

    def measure(self, link, seconds):
        with _segmented(link):
            before = self._carried(link)
            value = super().measure(link, seconds)
            sent, packets = (a - b for a, b in zip(self._carried(link), before))
        if sent > packets * FULL_FRAME:
            raise BedError(f"{self.workload}: packets of {sent / packets:.0f} bytes in the mean")
        return value

    def _carried(self, link):
        """(bytes, packets) that the guest's end has sent or received."""
        way = "tx" if self.way == UP else "rx"
        return [int(n) for n in link.guest.run(f"cd /sys/class/net/{link.front}/statistics; "
                                               f"cat {way}_bytes {way}_packets").out.split()]


@contextlib.contextmanager
def _segmented(link):
    """A link whose both ends see packets of MTU size only."""
    ends = (link.guest, link.front), (link.guest.dom0, link.back)
    names = ("tso", "gso", "gro")
    for domain, netdev in ends:
        nics.set_features(domain, netdev, **dict.fromkeys(names, False))
    try:
        yield
    finally:
        for domain, netdev in ends:
            nics.set_features(domain, netdev, **dict.fromkeys(names, True))


class Datagrams(Job):
    """iperf3 over UDP as fast as the sender can; the value is what reached the receiver's network stack.

    Told by the receiving interface, which any driver counts. iperf3's own figure is of itself: with one CPU it
    reads a fraction, the smaller the more packets arrive.
    """

    def measure(self, link, seconds):
        domain, netdev = (link.guest.dom0, link.back) if self.way == UP else (link.guest, link.front)
        arrived = f"cat /sys/class/net/{netdev}/statistics/rx_packets"
        before = int(domain.run(arrived).out)
        sent = _iperf(self, link, seconds)["sum_sent"]
        return (int(domain.run(arrived).out) - before) / sent["seconds"]


class PingPong(Job):
    """One datagram at a time, there and back, sent by the guest; the value is the median round trip."""

    def measure(self, link, seconds):
        traffic.serve(link.guest.dom0)
        return traffic.rtt(link.guest, link.dom0_ip4, self.bytes, seconds)["median_us"]


def _job(by, protocol, segmented=False, options=(), where=None, **about):
    """Of an entry of the list. where: who measures it, and all that are measured at all are measured here."""
    kind = (PingPong if by == "netprobe" else Datagrams if protocol == "udp" else FullFrames if segmented else Stream)
    return kind(options=tuple(options), **about)


ALL = [_job(**one) for one in joblist.LIST["network"]]
FULL_FRAMES = [job for job in ALL if isinstance(job, FullFrames)]
STREAMS = [job for job in ALL if isinstance(job, Stream) and job not in FULL_FRAMES]
DATAGRAMS = [job for job in ALL if isinstance(job, Datagrams)]
JOBS = [job for job in ALL if job not in FULL_FRAMES]


def _iperf(job, link, seconds):
    """Runs the client in the guest; the summary of its JSON."""
    link.guest.dom0.run(f"ss -ltn | grep -q :{IPERF_PORT} || iperf3 -s -D -p {IPERF_PORT}")
    command = joblist.command("iperf3", job.options, server=link.dom0_ip4, port=IPERF_PORT, seconds=seconds)
    # Over a slow link the server may still be busy with the client before.
    result = link.guest.run(f"for n in 1 2 3 4 5; do {command} >/tmp/iperf && break; grep -q busy /tmp/iperf || break; "
                            "sleep 2; done; cat /tmp/iperf", timeout=seconds + 20).json()
    if "error" in result:
        raise BedError(f"iperf3: {result['error']}")
    return result["end"]


def measure(link, seconds, job, counted=True):
    """One job over a link: {metric: value}, with the cost per packet where a driver of ours counts it."""
    before = costs.of_link(link) if counted else {}
    found = {job.metric: job.measure(link, seconds)}
    return found | costs.per_packet(before, costs.of_link(link) if before else {}, job.data)

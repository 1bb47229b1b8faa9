# SPDX-License-Identifier: GPL-2.0-only
"""What is measured of a network link: jobs, and what is read from their results."""

import contextlib
from dataclasses import dataclass

import costs
from bed import nics, traffic
from bed.layout import BedError

IPERF_PORT = 5201
UP, DOWN = "guest to dom0", "dom0 to guest"
SHORT = {UP: "up", DOWN: "down"}
DATA = {UP: costs.UP, DOWN: costs.DOWN}
DATAGRAM = 64
FULL_FRAME = 1514  # bytes, with the Ethernet header


@dataclass(frozen=True)
class Stream:
    """iperf3 over TCP; the value is what the receiver got."""

    way: str
    streams: int
    metric: str = "bandwidth"
    unit: str = "Mbit/s"

    @property
    def data(self):
        return DATA[self.way]

    @property
    def workload(self):
        return f"TCP {self.streams} stream{'s' if self.streams > 1 else ''} {self.way}"

    @property
    def short(self):
        return f"TCP {self.streams} {SHORT[self.way]}"

    def measure(self, link, seconds):
        end = _iperf(link, self.way, seconds, f"-P {self.streams}")
        return end["sum_received"]["bits_per_second"] / 1e6


@dataclass(frozen=True)
class FullFrames(Stream):
    """The same with nothing put together from many packets, as most of what is forwarded is: of a link of our pair."""

    streams: int = 1

    @property
    def workload(self):
        return f"TCP of MTU size {self.way}"

    @property
    def short(self):
        return f"MTU {SHORT[self.way]}"

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


@dataclass(frozen=True)
class Datagrams:
    """iperf3 over UDP as fast as the sender can; the value is what reached the receiver's network stack.

    Told by the receiving interface, which any driver counts. iperf3's own figure is of itself: with one CPU it
    reads a fraction, the smaller the more packets arrive.
    """

    way: str
    metric: str = "packets"
    unit: str = "packets/s"

    @property
    def data(self):
        return DATA[self.way]

    @property
    def workload(self):
        return f"UDP {DATAGRAM} B {self.way}"

    @property
    def short(self):
        return f"UDP {SHORT[self.way]}"

    def measure(self, link, seconds):
        domain, netdev = (link.guest.dom0, link.back) if self.way == UP else (link.guest, link.front)
        arrived = f"cat /sys/class/net/{netdev}/statistics/rx_packets"
        before = int(domain.run(arrived).out)
        sent = _iperf(link, self.way, seconds, f"-u -b 0 -l {DATAGRAM}")["sum_sent"]
        return (int(domain.run(arrived).out) - before) / sent["seconds"]


@dataclass(frozen=True)
class PingPong:
    """One datagram at a time, there and back, sent by the guest; the value is the median round trip."""

    workload: str = f"UDP {DATAGRAM} B round trip"
    short: str = "round trip"
    metric: str = "latency"
    unit: str = "us"
    data = costs.UP + costs.DOWN

    def measure(self, link, seconds):
        traffic.serve(link.guest.dom0)
        return traffic.rtt(link.guest, link.dom0_ip4, DATAGRAM, seconds)["median_us"]


STREAMS = [Stream(way, streams) for streams in (1, 4) for way in (UP, DOWN)]
DATAGRAMS = [Datagrams(way) for way in (UP, DOWN)]
JOBS = [*STREAMS, *DATAGRAMS, PingPong()]
FULL_FRAMES = [FullFrames(UP), FullFrames(DOWN)]


def _iperf(link, way, seconds, options):
    """Runs the client in the guest; the summary of its JSON."""
    link.guest.dom0.run(f"ss -ltn | grep -q :{IPERF_PORT} || iperf3 -s -D -p {IPERF_PORT}")
    reverse = "-R" if way == DOWN else ""
    command = f"iperf3 -J -c {link.dom0_ip4} -p {IPERF_PORT} -t {seconds} {options} {reverse}"
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

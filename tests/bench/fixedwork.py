# SPDX-License-Identifier: GPL-2.0-only
"""Jobs of a fixed amount of work: those of jobs.py and netjobs.py, which last for a time, with a length instead.

run(target, length) does it and returns how many units of it were done. What the program itself costs is the same at
every length, so a shortest run is taken off.
"""

from dataclasses import dataclass

import jobs
import netjobs
from bed import traffic
from bed.layout import BedError
from netjobs import UP

SEGMENT = 64 << 10
LIMIT = 60  # seconds, before the factor of emulation


@dataclass(frozen=True)
class Work:
    """A job of the list with a length. unit: what its costs are of, one of."""

    job: object
    length: int
    unit: str
    shortest = 1

    @property
    def workload(self):
        return self.job.workload

    def counter(self, target):
        """Of units done until now; None: run() says it."""


class Disk(Work):
    """Of a (guest, path of its device); the same requests each time."""

    def run(self, target, length):
        guest, path = target
        command = self.job.command(path, 0).replace("--time_based --runtime=0", f"--number_ios={length}")
        result = guest.run(command.replace("--randrepeat=0", "--randrepeat=1"), timeout=LIMIT).json()
        self.job.read(result)
        done = result["jobs"][0]["write" if "write" in self.job.rw else "read"]["total_ios"]
        if done != length:
            raise BedError(f"{self.workload}: fio did {done} requests of {length}")
        return done


class Stream(Work):
    """TCP over a link. What makes one packet differs from driver to driver, so a unit is so much data."""

    def run(self, target, length):
        end = _iperf(target.guest, target.dom0_ip4, [*self.job.options, "-n", f"{length * SEGMENT}"])
        return end["sum_received"]["bytes"] / SEGMENT


class Datagrams(Work):
    """So many as fast as the sender can; a unit is one that reached the receiver's network stack.

    The sender is the client: as a server, told by its client, iperf3 does not end when some of them are lost.
    """

    def counter(self, target):
        domain, netdev = (target.guest.dom0, target.back) if self.job.way == UP else (target.guest, target.front)
        return int(domain.run(f"cat /sys/class/net/{netdev}/statistics/rx_packets").out)

    def run(self, target, length):
        sender, address = ((target.guest, target.dom0_ip4) if self.job.way == UP
                           else (target.guest.dom0, target.ip4))
        options = [option for option in self.job.options if option != "-R"]
        _iperf(sender, address, [*options, "-k", f"{length}"])


class RoundTrip(Work):
    """One datagram at a time; a length is in milliseconds."""

    def run(self, target, length):
        return traffic.rtt(target.guest, target.dom0_ip4, self.job.bytes, length / 1000)["transactions"]


def _iperf(client, address, options):
    """The end of the client's JSON."""
    command = f"iperf3 -J -c {address} -p {netjobs.IPERF_PORT} {' '.join(options)}"
    # The server may still be busy with the client before.
    result = client.run(f"for n in 1 2 3; do {command} >/tmp/iperf && break; grep -q busy /tmp/iperf || break; "
                        "sleep 1; done; cat /tmp/iperf", timeout=LIMIT).json()
    if "error" in result:
        raise BedError(f"iperf3: {result['error']}")
    return result["end"]


def serve(link):
    """Starts what the jobs of a link talk to, at both ends."""
    traffic.serve(link.guest.dom0)
    for end in (link.guest, link.guest.dom0):
        end.run(f"ss -ltn | grep -q :{netjobs.IPERF_PORT} || iperf3 -s -D -p {netjobs.IPERF_PORT}")


REQUESTS = {(128, 8): 1000, (4, 32): 5000, (4, 1): 1200}  # of a job, by KiB and depth
DISK = [Disk(job, REQUESTS[job.block_kib, job.depth], "request") for job in jobs.JOBS]
NETWORK = [*[Stream(job, 768, "64 KiB") for job in netjobs.STREAMS if "-P 1" in " ".join(job.options)],
           *[Datagrams(job, 5000, "packet") for job in netjobs.DATAGRAMS],
           *[RoundTrip(job, 300, "round trip") for job in netjobs.JOBS if isinstance(job, netjobs.PingPong)]]

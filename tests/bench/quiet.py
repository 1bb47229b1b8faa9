# SPDX-License-Identifier: GPL-2.0-only
"""Whether this machine had time for nothing else: what is measured on one that had not is to say so.

A fixed piece of work is timed on each core before, between and after turns, when the machine under test waits. While
turns are taken, the kernel's counts tell how much of the cores other programs had, and how much a hypervisor below
took away.
"""

import contextlib
import hashlib
import os
import statistics
import time
from pathlib import Path

WORK = bytes(16 << 20)
REPEATS = 5
# Above these a machine is not quiet. A core alone repeats its work within some percent.
SPREAD, OTHERS, STEAL = 0.15, 0.10, 0.02
TICKS = os.sysconf("SC_CLK_TCK")


def timed(core):
    """Milliseconds that the work takes there: the median of some times."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            hashlib.sha256(WORK).digest()
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.sched_setaffinity(0, before)
    return statistics.median(times)


def cpu_seconds(proc, own):
    """(all, busy, stolen, busy for us) of all CPUs since boot; own: the processes that are part of the measurement."""
    words = (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, wait, irq, softirq, steal = (int(word) / TICKS for word in words)
    busy = user + nice + system + irq + softirq
    ours = 0
    for pid in own:
        with contextlib.suppress(OSError):
            # The name of the program, in brackets, may have spaces.
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ours += (int(fields[11]) + int(fields[12])) / TICKS
    return busy + idle + wait + steal, busy, steal, ours


class Calibration:
    """Timings and shares of one measurement. own: ids of processes that are part of it, itself included."""

    def __init__(self, own, cores=None, work=timed, proc=Path("/proc")):
        self._own, self._work, self._proc = own, work, proc
        self._cores = sorted(cores if cores is not None else os.sched_getaffinity(0))
        self.timings = {core: [] for core in self._cores}
        self.parts = []  # (name, share of others, share stolen)

    def probe(self):
        """With the machine under test waiting: otherwise it is what is timed."""
        for core in self._cores:
            self.timings[core].append(self._work(core))

    @contextlib.contextmanager
    def watch(self, name):
        """Counts who else has the cores while a part is measured."""
        before = cpu_seconds(self._proc, self._own)
        try:
            yield
        finally:
            every, busy, stolen, ours = (b - a for a, b in zip(before, cpu_seconds(self._proc, self._own)))
            if every > 0:
                self.parts.append((name, max(0.0, busy - ours) / every, stolen / every))

    def spread(self):
        """How much longer the slowest probe took than the fastest on the same core: 0.1 is a tenth."""
        return max((max(times) / min(times) - 1 for times in self.timings.values() if times), default=0.0)

    def reasons(self):
        """Why it was not quiet; none when it was."""
        found = []
        if self.spread() > SPREAD:
            found.append(f"the same work took up to {self.spread():.0%} longer at one time than at another")
        for name, others, stolen in self.parts:
            if others > OTHERS:
                found.append(f"{name}: other programs had {others:.0%} of the CPUs")
            if stolen > STEAL:
                found.append(f"{name}: a hypervisor below took {stolen:.0%} of the CPUs")
        return found

    def report(self):
        """For the results file."""
        reasons = self.reasons()
        return {"quiet": not reasons, "why": reasons, "spread": round(self.spread(), 4),
                "work_ms": {f"core {core}": [round(time, 3) for time in times]
                            for core, times in self.timings.items()},
                "parts": [{"part": name, "others": round(others, 4), "stolen": round(stolen, 4)}
                          for name, others, stolen in self.parts]}


def told(report):
    """The lines under a table."""
    if report["quiet"]:
        return f"The machine was quiet: a fixed piece of work took the same within {report['spread']:.0%}."
    return "\n".join(["THE MACHINE WAS NOT QUIET, and figures of such a machine do not repeat:",
                      *[f"  {reason}" for reason in report["why"]]])

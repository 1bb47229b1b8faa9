# SPDX-License-Identifier: GPL-2.0-only
"""What a piece of work costs the whole machine in the steady lane: instructions, and what Xen was asked to do."""

import re
from collections import Counter
from pathlib import Path

import xentrace
from bed import accel
from bed.layout import run

HERE = Path(__file__).parent
# Trace pages of a CPU: those of a job of a few thousand requests fill a third of it.
PAGES = 2048
PID, TRACE = "/run/xentrace.pid", "/run/xentrace.data"
START = (f"(exec xentrace -D -e {xentrace.MASK:#x} -S {PAGES} {TRACE} </dev/null >/run/xentrace.log 2>&1) & "
         f"echo $! >{PID}; sleep 0.5; kill -0 $(cat {PID}) || {{ cat /run/xentrace.log >&2; exit 1; }}")
STOP = (f"kill -INT $(cat {PID}); for n in $(seq 100); do test -d /proc/$(cat {PID}) || break; sleep 0.1; done; "
        f"cp {TRACE} /host/xentrace.data; rm {TRACE}")
UPCALLS = "sed -n 's/^ *HYP: *//p' /proc/interrupts"


def ns_per_instruction():
    """What QEMU is told in the steady lane."""
    shift = re.search(r"shift=(\d+)", " ".join(accel.LANES["steady"].tcg))
    return 1 << int(shift[1])


class Meter:
    """Of a machine of the steady lane. Nothing else may be asked of the machine while an action runs."""

    def __init__(self, machine):
        self.dom0 = machine.dom0
        self.share = machine.share
        machine.channel.beat = 60
        run(["gcc-12", "-O1", "-Wall", "-Werror", "-o", self.share / "xenbusy", HERE / "xenbusy.c", "-lxenctrl"],
            timeout=60)
        self.dom0.run("cp /host/xenbusy /run/")

    def _busy(self):
        return int(self.dom0.run("/run/xenbusy").out)

    def instructions(self, action):
        """(what the action returned, {'instructions': number})"""
        before = self._busy()
        result = action()
        return result, Counter(instructions=(self._busy() - before) // ns_per_instruction())

    def _upcalls(self):
        return sum(int(word) for word in self.dom0.run(UPCALLS).out.split() if word.isdigit())

    def events(self, action):
        """The same of what Xen traced, and of the interrupts of dom0, which counts Xen's upcalls itself.

        Tracing costs instructions, so these are another run's than those that are counted.
        """
        self.dom0.run(START)
        try:
            before = self._upcalls()
            result = action()
            upcalls = self._upcalls() - before
        finally:
            self.dom0.run(STOP)
        found = xentrace.counts((self.share / "xentrace.data").read_bytes())
        found["interrupts"] += upcalls
        return result, found

# SPDX-License-Identifier: GPL-2.0-only
"""Reads every console of the bed for what must not be there."""

import re
from dataclasses import dataclass
from pathlib import Path

FAULTS = re.compile("|".join((
    r"\bBUG:", r"\bkernel BUG at", r"WARNING: (CPU|possible|suspicious|inconsistent|bad unlock)",
    r"Call Trace", r"\bOops\b", r"general protection", r"lockdep", r"possible recursive locking",
    r"self-detected stall", r"rcu.*detected stalls", r"soft lockup", r"hard LOCKUP",
    r"blocked for more than \d+ seconds", r"Kernel panic", r"UBSAN:", r"KASAN:", r"segfault at", r"traps: ",
    r"unable to handle", r"stack guard page", r"refcount_t:", r"list_(add|del) corruption",
    r"\(XEN\).*(FATAL|domain_crash|Domain \d+ .* crashed|Unhandled page fault|Triple fault|Xen call trace|"
    r"Assertion|Panic)",
)))

# Xen's own code segment and address as the registers of a guest: no guest can bring that about, only an
# emulated processor that mixed the two contexts up. QEMU 7.2 under TCG does so once in a long while.
EMULATOR_FAULT = re.compile(r"Triple fault[^\n]*\n(?:[^\n]*\n){0,6}?[^\n]*RIP:\s+e008:\[<ffff82d")

# What a hostile peer provokes in a correct hypervisor: counted, and failing unless a test allows it.
GRANT_ERRORS = re.compile(r"\(XEN\).*(grant_table\.c|[Bb]ad (grant )?ref|gnttab)")


@dataclass(frozen=True)
class Finding:
    log: str
    line: int
    text: str

    def __str__(self):
        return f"{self.log}:{self.line}: {self.text}"


class Watch:
    """The logs of one run."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def logs(self):
        """The console of Xen and dom0, and one per guest."""
        return [self.folder / "xen.log", *sorted((self.folder / "share/xen/console").glob("guest-*.log"))]

    def mark(self):
        """Remembers where the logs end now, for findings(since=...)."""
        return {log: log.stat().st_size for log in self.logs() if log.exists()}

    def findings(self, since=None, allow=()):
        """Faults and grant errors logged since the mark, less the lines that match one of allow."""
        return self._search(since, allow, lambda text: FAULTS.search(text) or GRANT_ERRORS.search(text))

    def grant_errors(self, since=None):
        """Every line in which the hypervisor refused something about a grant."""
        return self._search(since, (), GRANT_ERRORS.search)

    def emulator_fault(self, since):
        """True when since the mark a guest died by a mistake of the emulator, not of any software in it."""
        data = (self.folder / "xen.log").read_bytes()[since.get(self.folder / "xen.log", 0):]
        return bool(EMULATOR_FAULT.search(data.decode(errors="replace")))

    def _search(self, since, allow, wanted):
        found = []
        for log in self.logs():
            if not log.exists():
                continue
            data = log.read_bytes()
            start = (since or {}).get(log, 0)
            first = data.count(b"\n", 0, start) + 1
            for number, line in enumerate(data[start:].decode(errors="replace").splitlines(), first):
                if wanted(line) and not any(re.search(pattern, line) for pattern in allow):
                    found.append(Finding(log.name, number, line.strip()))
        return found

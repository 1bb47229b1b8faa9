# SPDX-License-Identifier: GPL-2.0-only
"""Reads every console of the bed for what must not be there."""

import re
from dataclasses import dataclass
from pathlib import Path

from .kernel_code import bytes_before

FAULTS = re.compile("|".join((
    r"\bBUG:", r"\bkernel BUG at", r"WARNING: (CPU|possible|suspicious|inconsistent|bad unlock)",
    r"Call Trace", r"\bOops\b", r"general protection", r"(?<!RCU )lockdep", r"possible recursive locking",
    r"self-detected stall", r"rcu.*detected stalls", r"soft lockup", r"hard LOCKUP",
    r"blocked for more than \d+ seconds", r"Kernel panic", r"UBSAN:", r"KASAN:", r"segfault at", r"traps: ",
    r"kmemleak: \d+ new suspected", r"ODEBUG:",
    r"unable to handle", r"stack guard page", r"refcount_t:", r"list_(add|del) corruption",
    r"\(XEN\).*(FATAL|domain_crash|Domain \d+ .* crashed|Unhandled page fault|Triple fault|Xen call trace|"
    r"Assertion|Panic)",
)))

# A guest that was lost by an emulated processor, never by software in it. QEMU 7.2 under TCG does so once in a long
# while, with two CPUs more often: Xen's own code segment and address as the registers of a guest, which no guest can
# bring about; or a guest that left for Xen by an instruction and could not take any exception when it was resumed: a
# program amid its CPUIDs (the maker's name or the model is still in its registers), or a kernel behind a HLT, a port's
# IN or OUT, a CPUID, an access to an MSR or a hypercall. Seen in the idle loop, at the end of an interrupt, while a
# timer was set, and while a kernel that had just begun read its timer.
TRIPLE_FAULT = r"Triple fault[^\n]*\n(?:[^\n]*\n){0,6}?[^\n]*RIP:\s+"
CPUID = r"(?:rax: 0000000000800f12\s|rbx: 0000000068747541\s+rcx: 00000000444d4163)"  # model, maker
EMULATOR_FAULT = re.compile(TRIPLE_FAULT + r"(?:e008:\[<ffff82d|0033:[^\n]*\n[^\n]*\n[^\n]*" + CPUID + ")")
IN_KERNEL = re.compile(TRIPLE_FAULT + r"0010:\[<(ffffffff[0-9a-f]{8})>\]")
LEAVES = re.compile(rb"(\xfb\xf4|[\xe4-\xe7].|\x0f[\xa2\x30\x32]|\x0f\x01\xd9)\Z", re.DOTALL)
# Another end of the same kind, seen in the steady lane: the callback of Xen's events was taken a second time, with
# interrupts off, at the entry from a program, where the kernel has a page of stack and none of its own segments yet.
ENTRY_OVERRUN = "BUG: ENTRY_TRAMPOLINE stack guard page was hit"

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
        text = data.decode(errors="replace")
        kernel = self.folder / "share/guest/vmlinuz"
        overrun = self._search(since, (), lambda line: ENTRY_OVERRUN in line)
        return bool(overrun or EMULATOR_FAULT.search(text)) or any(
            LEAVES.search(bytes_before(kernel, int(found[1], 16), 3)) for found in IN_KERNEL.finditer(text))

    def triple_fault(self, since):
        """True when since the mark a guest could not take an exception, whoever is to blame."""
        data = (self.folder / "xen.log").read_bytes()[since.get(self.folder / "xen.log", 0):]
        return b"Triple fault" in data

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

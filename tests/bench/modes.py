# SPDX-License-Identifier: GPL-2.0-only
"""The modes topic of the demo: the same jobs in each mode in which Xen runs Linux, and which of them to choose.

One HVM guest is two modes: over the devices that QEMU emulates, and as PVHVM over ours. PVH and PV have guests of
their own beside it. All drivers are ours, and all is attached before the first turn.
"""

import contextlib
from dataclasses import dataclass

import disk
import netjobs
import network
from bed import nics
from bed.pair import emulated, networked, served
from jobs import JOBS as DISK_JOBS
from report import told
from turns import Plan

NAME = "modes"
DEVICES = {"hvm": "HVM, emulated", "pvhvm": "PVHVM", "pvh": "PVH", "pv": "PV"}
BASES = {}  # every mode is compared with its neighbour, see advise()
COSTS = {}
BARS = []
LOADS = ["none"]  # the loaded rows of these jobs are those of disk and network
PAIRS = {mode: ["xenpv_blkfront:xenpv_blkback", "xenpv_netfront:xenpv_netback"] for mode in list(DEVICES)[1:]}

OF_DISK = [job for job in DISK_JOBS if job.short in ("read 128K 8", "rread 4K 32")]
OF_NETWORK = [job for job in netjobs.STREAMS if job.short in ("TCP 1 up", "TCP 1 down")]
JOBS = [*OF_DISK, *OF_NETWORK]
EMULATED_NIC = "e1000"
VDEV = "xvde"


@dataclass(frozen=True)
class PvMode:
    """A guest with a disk and a NIC of ours, both connected."""

    guest: object
    path: str
    devid: int

    def link(self):
        return network.up(self.guest, self.devid)


@dataclass(frozen=True)
class EmulatedMode:
    guest: object
    path: str

    def link(self):
        nics.load_emulated(self.guest, EMULATED_NIC)
        return emulated(self.guest, EMULATED_NIC, list(nics.EMULATED).index(EMULATED_NIC))


def plan(load, jobs):
    return Plan(load, jobs, dict.fromkeys(DEVICES, jobs), list(BASES), BARS, seconds=2, warmup=1)


@contextlib.contextmanager
def ready(hvm):
    """Yields measure(device, job, seconds) for turns.take(). hvm: the demo's guest, with an emulated disk and NIC."""
    machine = hvm.machine
    with contextlib.ExitStack() as undo:
        # None has the emulated disk's: Xen's scripts refuse to share.
        ramdisks = machine.dom0.ramdisks()
        modes = {"hvm": EmulatedMode(hvm, undo.enter_context(disk.emulated(hvm)))}
        for mode, ramdisk in zip(list(DEVICES)[1:], ramdisks):
            guest = hvm
            if mode != "pvhvm":
                guest = machine.create_guest(f"demo-{mode}", kind=mode)
                undo.callback(guest.destroy)
            path = undo.enter_context(served(guest, "xenpv_blkfront", "xenpv_blkback", ramdisk, VDEV))
            link = undo.enter_context(networked(guest, "xenpv_netfront", "xenpv_netback", network.PV_DEVID))
            guest.run(f"ip link set {link.front} down")
            modes[mode] = PvMode(guest, path, network.PV_DEVID)
        yield lambda device, job, seconds: measure(modes[device], job, seconds)


def measure(mode, job, seconds):
    """One job in one mode: {metric: value}. Only the link that is measured is up, for all are of one network."""
    if job in OF_DISK:
        return job.read(mode.guest.run(job.command(mode.path, seconds), timeout=seconds + 10).json())
    with mode.link() as link:
        return {job.metric: job.measure(link, seconds)}


# Advice

def times(samples, mode, base):
    """{job's short name: the Interval of how many times better a mode is}, of what was measured in both."""
    found = {job.short: samples.ratio("none", job.workload, job.metric, mode, base) for job in JOBS}
    return {name: ratio for name, ratio in found.items() if ratio}


def _told(ratios):
    return ", ".join(f"{name} {told(ratio)}" for name, ratio in ratios.items()) or "not measured"


def _slower(ratios):
    """Where the whole interval is below 1; else it may be the noise of shared machines."""
    return [name for name, ratio in ratios.items() if ratio.below(1)]


def advise(samples, accelerator):
    """The lines that are printed: each step from mode to mode with its figures, and the choice they leave."""
    drivers, pvh, pv = times(samples, "pvhvm", "hvm"), times(samples, "pvh", "pvhvm"), times(samples, "pv", "pvh")
    lines = ["Which mode to choose",
             f"  PVHVM against HVM: {_told(drivers)}",
             f"  PVH against PVHVM: {_told(pvh)}",
             f"  PV against PVH:    {_told(pv)}"]
    lines += ["  - " + line for line in (_why_drivers(drivers), _why_pvh(pvh), _why_not_pv(pv, accelerator))]
    return "\n".join(lines)


def _why_drivers(ratios):
    if not ratios:
        return "HVM or PVHVM: not both were measured."
    if slower := _slower(ratios):
        return (f"PVHVM is slower than emulated devices at {', '.join(slower)}: that is a fault to be found, not a "
                "reason to stay with HVM.")
    values = [ratio.value for ratio in ratios.values()]
    return ("HVM only for systems that have no PV drivers: with ours the same guest does "
            f"{min(values):.1f} to {max(values):.1f} times as much.")


def _why_pvh(ratios):
    rule = "where kernel (4.11 or later, with CONFIG_XEN_PVH) and toolstack (Xen 4.10 or later) can, else PVHVM"
    if not ratios:
        return f"PVH or PVHVM: not both were measured. The rule of Xen's documentation: PVH for Linux {rule}."
    if slower := _slower(ratios):
        return (f"The rule of Xen's documentation is PVH for Linux {rule}; but here PVH is slower at "
                f"{', '.join(slower)}: measure your own job in both before you change.")
    return (f"PVH for Linux {rule}: the drivers and their speed are the same, and it needs neither firmware nor a "
            "device model in dom0, which takes memory and can be attacked.")


def _why_not_pv(ratios, accelerator):
    known = ("PV only where there is no hardware virtualisation: its page tables and privileged instructions are calls "
             "to Xen, its system calls pass through Xen, and Xen's documentation keeps it for old machines.")
    if accelerator != "tcg":
        return known
    return (f"{known} The figures here are no reason for it: QEMU emulates the processor, and what hardware takes for "
            "an exit of HVM, PVHVM or PVH is not in them; ratios between modes of one kind of exit are what to read.")

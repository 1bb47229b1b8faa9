# SPDX-License-Identifier: GPL-2.0-only
"""The disk topic of the demo: ramdisks of dom0's that are alike, three ways from the guest to one, and dom0's own."""

import contextlib

import beside
import ceiling
import costs
import jobs
import loads
from bed import devices
from turns import Plan

NAME = "disk"
DEVICES = {"emulated": "emulated IDE", "intree": "in-tree pair", "xenpv": "xenpv", ceiling.DEVICE: "dom0 itself"}
BASES = {"emulated": "emulated", "intree": "in-tree", ceiling.DEVICE: "dom0 itself"}  # what ours is compared with
JOBS = jobs.JOBS
LOADS = list(loads.LOADS)
COSTS = costs.REQUEST_COSTS
BARS = []

PAIRS = {"intree": beside.Pair("xen-blkfront", "xen-blkback"), "xenpv": beside.Pair("xenpv_blkfront", "xenpv_blkback")}
VDEVS = {"intree": "xvde", "xenpv": "xvdf"}


def plan(load, chosen):
    return Plan(load, chosen, dict.fromkeys(DEVICES, chosen), list(BASES), BARS, seconds=2,
                warmup=1 if load == "none" else 0)


@contextlib.contextmanager
def emulated(guest):
    """The IDE disk that QEMU emulates for the guest."""
    modules = ["ata_piix", "sd_mod"]
    for module in modules:
        guest.load(module)
    try:
        guest.run("for n in $(seq 100); do test -b /dev/sda && exit 0; sleep 0.1; done; exit 1")
        yield "/dev/sda"
    finally:
        guest.unload(*reversed(modules))


def backing(dom0):
    """Of the emulated disk."""
    return dom0.ramdisks()[-1]


@contextlib.contextmanager
def ready(guest):
    """Yields measure(device, job, seconds) for turns.take(). Xen's scripts refuse to share a disk, so the pairs have
    one each; dom0 uses ours while the guest does not."""
    targets = dict(zip(PAIRS, guest.dom0.ramdisks()))
    with emulated(guest) as ide, \
            beside.disks(guest, PAIRS, {device: (VDEVS[device], targets[device]) for device in PAIRS}) as paths:
        places = {"emulated": (guest, ide), ceiling.DEVICE: (guest.dom0, targets["xenpv"]),
                  **{device: (guest, path) for device, path in paths.items()}}
        yield lambda device, job, seconds: measure(guest, device, *places[device], job, seconds)


def measure(guest, device, domain, path, job, seconds):
    """{metric: value} of one job on one device, which is a path in a domain; with costs, of ours."""
    number = devices.device_id(VDEVS["xenpv"])
    before = costs.of_disk(guest, number) if device == "xenpv" else {}
    found = job.read(domain.run(job.command(path, seconds), timeout=seconds + 10).json())
    if before:
        found |= costs.per_request(before, costs.of_disk(guest, number))
    return found

# SPDX-License-Identifier: GPL-2.0-only
"""The disk topic of the demo: one ramdisk in dom0, and three ways from the guest to it."""

import contextlib

import costs
from bed import devices
from bed.pair import served
from jobs import JOBS
from turns import Part

NAME = "disk"
DEVICES = ["emulated", "intree", "xenpv"]
BASES = ["emulated", "intree"]  # what ours is compared with
COSTS = costs.REQUEST_COSTS
BARS = []

VDEV = "xvde"
PAIRS = {"intree": ("xen-blkfront", "xen-blkback"), "xenpv": ("xenpv_blkfront", "xenpv_blkback")}


def parts(repeats):
    return [Part(device, repeats, seconds=4, warmup=1) for device in DEVICES]


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
    return dom0.ramdisks()[-1]


def _open(guest, device):
    if device == "emulated":
        return emulated(guest)
    front, back = PAIRS[device]
    return served(guest, front, back, backing(guest.dom0), VDEV)


def measure(guest, device, seconds):
    """One turn of a device: {(workload, metric): value}."""
    found = {}
    number = devices.device_id(VDEV)
    with _open(guest, device) as path:
        for job in JOBS:
            before = costs.of_disk(guest, number)
            value, _ = job.read(guest.run(job.command(path, seconds), timeout=seconds + 10).json())
            found[job.workload, job.metric] = value
            for name, cost in costs.per_request(before, costs.of_disk(guest, number)).items():
                found[job.workload, name] = cost
    return found

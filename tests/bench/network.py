# SPDX-License-Identifier: GPL-2.0-only
"""The network topic of the demo: links of a guest to dom0, PV pairs FRONT:BACK (modules) and emulated NICs."""

import bars
import costs
import netjobs
from bed import nics
from bed.pair import emulated, networked
from netjobs import DOWN, UP
from turns import Part

NAME = "network"
PAIRS = {"intree": "xen-netfront:xen-netback", "xenpv": "xenpv_netfront:xenpv_netback"}
DEVICES = [*nics.EMULATED, *PAIRS]
BASES = ["e1000", "intree"]  # what ours is compared with
JOBS = [*netjobs.JOBS, *netjobs.FULL_FRAMES]
COSTS = costs.PACKET_COSTS
PV_DEVID = 4  # beside the emulated NICs of the same guest

BARS = [
    *[bars.Ratio(job.workload, job.metric, "e1000", 20) for job in netjobs.STREAMS],
    *[bars.Ratio(job.workload, job.metric, "intree", 1) for job in netjobs.STREAMS],
    *[bars.Ratio(netjobs.Datagrams(way).workload, netjobs.Datagrams.metric, "intree", 1.5) for way in (UP, DOWN)],
    *[bars.Cost(job.workload, name, costs.BY_ALL, 0.1) for job in netjobs.FULL_FRAMES
      for name in ("notifications front to back", "notifications back to front", "grant hypercalls")],
]


def parts(repeats):
    return [Part(device, repeats, seconds=3, warmup=1) for device in DEVICES]


def open_link(guest, device):
    if device in nics.EMULATED:
        return emulated(guest, device, list(nics.EMULATED).index(device))
    front, _, back = device.partition(":")
    return networked(guest, front, back, PV_DEVID)


def make_guest(machine, name, models, disks=()):
    """PVH when nothing is to be emulated, else HVM with those NICs and no PV half of them."""
    if not models and not disks:
        return machine.create_guest(name, kind="pvh")
    emulate = [nics.nic(list(nics.EMULATED).index(model), model) for model in models]
    back = machine.dom0.load("xen-netback") if emulate else []
    guest = machine.create_guest(name, kind="hvm", nics=emulate, disks=disks)
    for one in emulate:
        nics.keep_only_emulated(guest, one.devid)
    machine.dom0.unload(*back)
    return guest


def measure(guest, device, seconds):
    """One turn of a device: {(workload, metric): value}. An emulated NIC's driver stays: e1000's loads for a minute."""
    if device in nics.EMULATED:
        nics.load_emulated(guest, device)
    with open_link(guest, PAIRS.get(device, device)) as link:
        return netjobs.measure(link, seconds, JOBS if device == "xenpv" else netjobs.JOBS)

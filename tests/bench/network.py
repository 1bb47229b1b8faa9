# SPDX-License-Identifier: GPL-2.0-only
"""The network topic of the demo: links of a guest to dom0, PV pairs and emulated NICs, and dom0's own bridge."""

import contextlib

import bars
import beside
import ceiling
import costs
import loads
import netjobs
from bed import nics
from bed.pair import Link, emulated, networked
from turns import Plan

NAME = "network"
PAIRS = {"intree": beside.Pair("xen-netfront", "xen-netback"), "xenpv": beside.Pair("xenpv_netfront", "xenpv_netback")}
DEVICES = {**{model: model for model in nics.EMULATED}, "intree": "in-tree pair", "xenpv": "xenpv",
           ceiling.DEVICE: "dom0's bridge"}
BASES = {"e1000": "e1000", "intree": "in-tree", ceiling.DEVICE: "dom0's bridge"}  # what ours is compared with
JOBS = [*netjobs.JOBS, *netjobs.FULL_FRAMES]
LOADS = list(loads.LOADS)
COSTS = costs.PACKET_COSTS
DEVIDS = {"intree": 4, "xenpv": 5}  # beside the emulated NICs of the same guest
PV_DEVID = 4  # of a pair that is alone

BARS = [
    *[bars.Ratio(job.workload, job.metric, "e1000", 20) for job in netjobs.STREAMS],
    *[bars.Ratio(job.workload, job.metric, "intree", 1) for job in netjobs.STREAMS],
    *[bars.Ratio(job.workload, job.metric, "intree", 1.5) for job in netjobs.DATAGRAMS],
    *[bars.Cost(job.workload, name, costs.BY_ALL, 0.1) for job in netjobs.FULL_FRAMES
      for name in ("notifications front to back", "notifications back to front", "grant hypercalls")],
]


def plan(load, jobs):
    """Packets that are kept at MTU size are of ours alone; a second emulated NIC is of the quiet machine alone."""
    shared = [job for job in jobs if job not in netjobs.FULL_FRAMES]
    of = {device: jobs if device == "xenpv" else shared for device in DEVICES
          if load == "none" or device not in nics.EMULATED or device in BASES}
    return Plan(load, jobs, of, list(BASES), BARS, seconds=2, warmup=1 if load == "none" else 0)


def open_link(guest, device):
    """One that is there for as long as the block. device: FRONT:BACK (modules), or a model of emulated NICs."""
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


@contextlib.contextmanager
def up(guest, devid):
    """A link over a NIC that is there already, and is down before and after: all are of one network."""
    netdev = nics.await_connected(guest, devid)
    try:
        yield Link(guest, devid, netdev, nics.back_netdev(guest, devid), *nics.configure(guest, netdev, devid))
    finally:
        guest.run(f"ip link set {netdev} down")


@contextlib.contextmanager
def ready(guest):
    """Yields measure(device, job, seconds) for turns.take(). An emulated NIC's driver stays: e1000's takes a minute."""
    for model in nics.EMULATED:
        nics.load_emulated(guest, model)
    with beside.links(guest, PAIRS, DEVIDS) as devids, ceiling.link(guest.dom0) as own:
        def measure(device, job, seconds):
            place = (contextlib.nullcontext(own) if device == ceiling.DEVICE else
                     up(guest, devids[device]) if device in devids else open_link(guest, device))
            with place as link:
                return netjobs.measure(link, seconds, job, device == "xenpv")
        yield measure

# SPDX-License-Identifier: GPL-2.0-only
"""The guests that most tests use, by name: they stand in a machine from the beginning, and are made again when lost."""

from . import devices, nics

KINDS = {"pvh": "pvh", "pv": "pv", "smp": "pvh", "hvm": "hvm"}


def make(machine, name):
    """Creates the guest of this name.

    pvh: quick to start, PV devices only.  pv: neither firmware nor hardware virtualisation, and its frames are the
    machine's.  smp: a PVH guest with two CPUs, for queues.  hvm: has the last ramdisk as emulated disk, and an e1000;
    the backend with which xl made that one has gone again.
    """
    if name == "hvm":
        return _make_hvm(machine)
    return machine.create_guest(name, kind=KINDS[name], vcpus=2 if name == "smp" else 1)


def _make_hvm(machine):
    dom0 = machine.dom0
    disk = devices.disk(dom0.ramdisks()[-1], "hdb", "qdisk")
    back = [] if any(dom0.loaded(name) for name in nics.BACKENDS) else dom0.load("xen-netback")
    guest = machine.create_guest("hvm", kind="hvm", disks=[disk], nics=[nics.nic(model="e1000")])
    nics.keep_only_emulated(guest)
    dom0.unload(*back)
    return guest

# SPDX-License-Identifier: GPL-2.0-only
"""Devices under xl and Xen's own hotplug scripts, and that what the bed does in their place is the same."""

import json
import re

import pytest

from bed import devices, nics, xenbus
from bed.pair import networked, served

PAIRS = pytest.mark.parametrize("ends", [("xenpv_{}front", "xenpv_{}back"), ("xen-{}front", "xen-{}back")],
                                ids=["ours", "intree"])
VDEV = "xvde"
WRITE = "head -c 2M /dev/urandom >/tmp/data && dd if=/tmp/data of={dev} bs=64k oflag=direct status=none"
COMPARE = "head -c 2M {dev} | cmp - /tmp/data"


def names(ends, device):
    return [name.format(device) for name in ends]


@PAIRS
def test_disk_by_xl(leakless, ramdisks, ends):
    with served(leakless, *names(ends, "blk"), ramdisks[0], VDEV, by="xl") as dev:
        leakless.run(f"{WRITE.format(dev=dev)} && echo 3 >/proc/sys/vm/drop_caches && {COMPARE.format(dev=dev)}")
    assert devices.states(leakless, VDEV) == (None, None)


@PAIRS
def test_nic_by_xl(leakless, ends):
    with networked(leakless, *names(ends, "net"), by="xl") as link:
        for address in (link.dom0_ip4, link.dom0_ip6):
            leakless.run(f"ping -c 1 -W 5 -s 1400 {address}")
    assert nics.states(leakless, 0) == (None, None)


@PAIRS
def test_guest_created_with_both(bed, ramdisks, ends):
    """And destroyed with them: xl and the scripts leave nothing. The disk's frontend is the kernel's, which brings the
    guest its tools from another disk."""
    undo = [bed.dom0.load(ends[1].format(device)) for device in ("blk", "net")]
    both = bed.create_guest("both", disks=[devices.disk(ramdisks[0], VDEV)], nics=[nics.nic()])
    try:
        dev = devices.await_connected(both, VDEV)
        both.run(f"{WRITE.format(dev=dev)} && echo 3 >/proc/sys/vm/drop_caches && {COMPARE.format(dev=dev)}")
        both.load(ends[0].format("net"))
        nics.configure(both, nics.await_connected(both))
        both.run(f"ping -c 1 -W 5 -s 1400 {nics.DOM0_IP4}")
        paths = devices.backend(both, VDEV), nics.backend(both, 0)
    finally:
        both.destroy()
    for path in paths:
        xenbus.await_gone(bed.dom0, path, "both")
    for modules in reversed(undo):
        bed.dom0.unload(*modules)


# The bed's own


def written(domain):
    """What xenstore has of all devices, with permissions."""
    listed = domain.dom0.run("xenstore-ls -fp /").out
    return sorted(line for line in listed.splitlines() if re.search(r"/(vbd|vif|qdisk)\b", line))


def interface(domain):
    """How dom0's end of the NIC is set up."""
    shown, = json.loads(domain.dom0.run(f"ip -d -j link show {nics.back_netdev(domain)}").out)
    keys = "flags", "mtu", "qdisc", "master", "operstate", "address", "txqlen", "num_tx_queues"
    return {key: shown[key] for key in keys}


def close(domain, front):
    """No frontend is loaded that would: both xl and the bed would wait for it."""
    domain.dom0.call("xenstore", do="write", args=[f"{front}/state", xenbus.CLOSED])


@pytest.mark.parametrize("backend,writable", [("phy", True), ("phy", False), ("qdisk", True)])
def test_disk_is_written_down_as_by_xl(pvh, ramdisks, backend, writable):
    undo = pvh.dom0.load("xen-blkback")
    seen = {}
    for by in ("xl", "bed"):
        before = written(pvh)
        devices.attach(pvh, devices.disk(ramdisks[0], VDEV, backend, writable), by)
        if backend == "qdisk":  # QEMU takes it in its own time
            xenbus.await_states(pvh.dom0, devices.frontend(pvh, VDEV), ("1", "2"), by)
        seen[by] = written(pvh)
        close(pvh, devices.frontend(pvh, VDEV))
        devices.detach(pvh, VDEV, by=by)
        assert written(pvh) == before, by
        assert len(seen[by]) > len(before) + 30, by
    pvh.dom0.unload(*undo)
    assert seen["bed"] == seen["xl"]


def test_nic_is_written_down_and_set_up_as_by_xl(pvh):
    undo = pvh.dom0.load("xen-netback")
    seen = {}
    for by in ("xl", "bed"):
        before = written(pvh)
        nics.attach(pvh, by=by)
        seen[by] = written(pvh), interface(pvh)
        close(pvh, nics.frontend(pvh, 0))
        nics.detach(pvh, by=by)
        assert written(pvh) == before, by
        assert not pvh.dom0.exists(f"/sys/class/net/{nics.back_netdev(pvh)}")
    pvh.dom0.unload(*undo)
    assert seen["bed"] == seen["xl"]


def test_xl_knows_what_the_bed_attached(pvh, ramdisks):
    """Lists it, and takes it away."""
    undo = [pvh.dom0.load("xen-blkback"), pvh.dom0.load("xen-netback")]
    pvh.attach(devices.disk(ramdisks[0], VDEV))
    nics.attach(pvh)
    assert str(devices.device_id(VDEV)) in pvh.dom0.run(f"xl block-list {pvh.domid}").out
    assert nics.Nic().mac("pvh") in pvh.dom0.run(f"xl network-list {pvh.domid}").out
    close(pvh, devices.frontend(pvh, VDEV))
    close(pvh, nics.frontend(pvh, 0))
    devices.detach(pvh, VDEV, by="xl")
    nics.detach(pvh, by="xl")
    for modules in undo:
        pvh.dom0.unload(*modules)

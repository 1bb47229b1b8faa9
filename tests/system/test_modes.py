# SPDX-License-Identifier: GPL-2.0-only
"""The same disk and the same NIC in every mode in which Xen runs Linux, ours at one end or at both.

What differs between the modes is how memory is named and how events arrive: the frames of a PV guest are the
machine's, in no order, and its events interrupt it without any hardware.
"""

import pytest

from bed import counters, devices, traffic
from bed.pair import networked, served
from test_block import VERIFY, clean_fio
from test_network import ping

MIB = 1 << 20
GUEST_TYPES = {"pv": "PV", "pvh": "PVH", "hvm": "HVM"}  # as the guest's kernel calls them
ENDS = [("xenpv", "xenpv"), ("xenpv", "xen"), ("xen", "xenpv")]
NAMES = {"xenpv": "xenpv_{}", "xen": "xen-{}"}
# A kind's guest serves all its tests, so the kind is what changes last.
EACH = pytest.mark.parametrize("guest, ends", [(kind, ends) for kind in GUEST_TYPES for ends in ENDS],
                               ids=[f"{kind}-{f}:{b}" for kind in GUEST_TYPES for f, b in ENDS], indirect=["guest"])


def drivers(ends, device):
    """The modules' names, for device 'blk' or 'net'."""
    return [NAMES[whose].format(device + end) for whose, end in zip(ends, ("front", "back"))]


@pytest.fixture
def baseline(guest):
    """The guest is of the kind it is said to be; and holds at the end what it held before."""
    assert guest.run("cat /sys/hypervisor/guest_type").out.strip() == GUEST_TYPES[guest.name]
    before = guest.counts()
    yield before
    counters.await_baseline(guest, before)


def _sums(guest):
    return guest.run("cd /tmp/m/tree && find . -type f | sort | xargs sha256sum | sha256sum", timeout=60).out


@EACH
def test_disk(guest, ends, baseline, ramdisks):
    with served(guest, *drivers(ends, "blk"), ramdisks[0], "xvde") as dev:
        assert guest.counts().granted > baseline.granted
        clean_fio(guest.run(VERIFY.format(dev=dev), timeout=60))
        guest.run(f"modprobe ext4 && mkdir -p /tmp/m && mkfs.ext4 -q -F {dev} 32m && mount -t ext4 {dev} /tmp/m &&"
                  "mkdir /tmp/m/tree && cp -r /bin /etc /tmp/m/tree/ && sync", timeout=60)
        wanted = _sums(guest)
        guest.run(f"umount /tmp/m && fsck.ext4 -fn {dev} && echo 3 >/proc/sys/vm/drop_caches && "
                  f"mount -t ext4 {dev} /tmp/m", timeout=60)
        assert _sums(guest) == wanted
        guest.run("umount /tmp/m")
    assert devices.states(guest, "xvde") == (None, None)
    assert guest.run("test -e /dev/xvde", check=False).rc, "the block device is still there"


@EACH
def test_network(guest, ends, baseline):
    # An HVM guest has an emulated NIC with number 0.
    with networked(guest, *drivers(ends, "net"), devid=1) as link:
        assert guest.counts().granted > baseline.granted
        traffic.serve(guest.dom0)
        ping(guest, link.dom0_ip4)
        ping(guest.dom0, link.ip6, 1400)
        for way in ("up", "down"):
            figures = traffic.tcp(guest, link.dom0_ip4, way, 32 * MIB)
            assert figures["bytes"] == 32 * MIB
        traffic.tcp(guest, link.dom0_ip6, "both", 8 * MIB)
        traffic.udp(guest, link.dom0_ip4, [1, 1472, 4096, 65507])
    assert guest.run(f"test -e /sys/class/net/{link.front}", check=False).rc, "the interface is still there"

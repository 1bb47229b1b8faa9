# SPDX-License-Identifier: GPL-2.0-only
"""A disk and a NIC of a guest tried with all that matters and little data: for pairs of kernels, and modes."""

from . import devices, traffic
from .pair import networked, served

VERIFY = ("fio --name=verify --filename={dev} --rw=randrw --bsrange=512-128k --blockalign=512 --size=8m --iodepth=16 "
          "--ioengine=libaio --direct=1 --fsync=64 --verify=crc32c --randseed=7 --output-format=json")
SIZES = [1, 200, 1472, 4096, 20000, 65507]
MIB = 1 << 20
VDEV = "xvde"
NIC = 1  # an HVM guest has an emulated one with number 0


def check_disk(guest, front, back, target, server=None):
    """server: the driver domain that has the target and the backend; or dom0."""
    with served(guest, front, back, target, VDEV, server) as dev:
        job = guest.run(VERIFY.format(dev=dev), timeout=60).json()["jobs"][0]
        assert job["error"] == 0 and job["read"]["total_ios"] > 0 and job["write"]["total_ios"] > 0
        # A file system's requests too: those flush, and some come from where it allocates small objects.
        guest.run(f"""modprobe ext4 && mkdir -p /tmp/m && mkfs.ext4 -q -F {dev} 16m && mount -t ext4 {dev} /tmp/m &&
            dd if=/dev/urandom of=/tmp/m/x bs=1M count=4 status=none && sha256sum /tmp/m/x >/tmp/sum &&
            umount /tmp/m && mount -t ext4 {dev} /tmp/m && sha256sum -c --status /tmp/sum && umount /tmp/m &&
            fsck.ext4 -fn {dev}""", timeout=60)
        # What the guest wrote is what its backend's domain has.
        wanted = guest.run(f"head -c 1M {dev} | sha256sum").out
        assert (server or guest.dom0).run(f"head -c 1M {target} | sha256sum").out == wanted
    assert devices.states(guest, VDEV) == (None, None)
    assert guest.run(f"test -e /dev/{VDEV}", check=False).rc, "the block device is still there"


def check_network(guest, front, back, server=None):
    keeper = server or guest.dom0
    with networked(guest, front, back, NIC, server) as link:
        traffic.serve(keeper)
        for domain, four, six in ((guest, link.dom0_ip4, link.dom0_ip6), (keeper, link.ip4, link.ip6)):
            for address in (four, six):
                domain.run(f"ping -c 1 -W 5 -s 1400 {address}")
        traffic.tcp(guest, link.dom0_ip4, "both", 8 * MIB)
        traffic.tcp(guest, link.dom0_ip6, "both", 2 * MIB)
        traffic.udp(guest, link.dom0_ip4, SIZES)
    assert guest.run(f"test -e /sys/class/net/{link.front}", check=False).rc, "the interface is still there"
    assert keeper.run(f"test -e /sys/class/net/{link.back}", check=False).rc, "the backend's interface is still there"

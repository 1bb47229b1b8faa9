# SPDX-License-Identifier: GPL-2.0-only
"""A Debian HVM guest that was installed on an emulated disk gets the package, and goes back: root on our blkfront,
network on our netfront, then on the kernel's own drivers again, with its data intact all the way.

dkms compiles nothing here, which under emulation takes a quarter of an hour: its configuration is overridden so that
the build copies the modules under test. All else of the package happens in the guest.
"""

import contextlib
import subprocess

import pytest

from bed import debian, devices, nics
from bed.layout import REPO, step

NIC = nics.nic(model="rtl8139")
DISK = devices.disk(debian.DISK, "hda")
BACKENDS = ("xenpv_blkback", "xenpv_netback")
OURS = {"vbd-768": "xenpv_blkfront", "vif-0": "xenpv_netfront"}
KERNELS = {"vbd-768": "vbd", "vif-0": "vif"}  # the in-tree frontends' names on the bus
# Unplugging takes the disks, not the controller that they were at; and the NIC.
EMULATED = "ls -d /sys/block/sd* 2>/dev/null; grep -l '^0x8139$' /sys/bus/pci/devices/*/device"
PREBUILT = """\
MAKE[0]="tar -x -f /root/modules.tar"
CLEAN="true"
"""


@pytest.fixture(scope="module")
def package():
    """The .deb of this tree."""
    builder = REPO / "packaging/package.sh"
    if not builder.exists():
        pytest.skip("this tree builds no Debian package")
    done = subprocess.run([builder, "deb"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found, = (REPO / "build/packages").glob("xenpv-dkms_*.deb")
    return found


@pytest.fixture
def files(bed, package, tmp_path):
    """What the guest finds in its /root."""
    modules = tmp_path / "modules.tar"
    subprocess.run(["tar", "-cf", modules, "-C", bed.share / "modules", "."], check=True)
    prebuilt = tmp_path / "prebuilt.conf"
    prebuilt.write_text(PREBUILT, encoding="utf-8")
    return [modules, prebuilt, package]


@pytest.fixture
def backends(bed):
    with contextlib.ExitStack() as undo:
        for name in BACKENDS:
            if not bed.dom0.loaded(name):
                undo.callback(bed.dom0.unload, *bed.dom0.load(name))
        yield


@contextlib.contextmanager
def booted(bed, what, cmdline=""):
    """The guest, up and at the end shut down."""
    with step(what):
        guest = debian.Debian.boot(bed, DISK, NIC, cmdline)
        yield guest
        guest.power_off()


def root(guest):
    return guest.run("findmnt -n -o SOURCE /").out.strip()


def drivers(guest):
    """{device on the xenbus: its driver's name}"""
    found = guest.run("cd /sys/bus/xen/devices; for d in vbd-* vif-*; do echo $d $(readlink $d/driver); done").out
    return {name: driver.rpartition("/")[2] for name, _, driver in (line.partition(" ") for line in found.splitlines())}


def check_pv(guest, wanted):
    """Root and network over these drivers, the emulated devices unplugged, the data what it was."""
    assert root(guest) == "/dev/xvda"
    assert drivers(guest) == wanted
    assert not guest.run(EMULATED, check=False).out.split(), "emulated devices are still plugged in"
    nics.configure(guest, nics.await_connected(guest, 0), 0)
    guest.run(f"ping -c 3 -W 5 -s 1400 {nics.DOM0_IP4}")
    check_data(guest)


def check_data(guest):
    guest.run("echo 3 >/proc/sys/vm/drop_caches; sha256sum --quiet -c /root/sums", timeout=60)


@pytest.mark.long
@pytest.mark.parallel
@pytest.mark.takes(60)
def test_root_moves_to_our_drivers_and_back(bed, backends, files):
    debian.install(bed, files)
    with booted(bed, "on emulated devices", "xen_emul_unplug=never") as guest:
        assert root(guest) == "/dev/sda"
        assert len(guest.run(EMULATED).out.split()) == 2
        guest.run("mkdir /root/data && for n in 1 2 3; do dd if=/dev/urandom of=/root/data/$n bs=1M count=3 "
                  "status=none; done; sha256sum /root/data/* /etc/passwd /bin/bash >/root/sums", timeout=60)
        guest.run("cp /root/prebuilt.conf /etc/dkms/xenpv.conf")
        said = guest.run("apt-get install -y --no-install-recommends /root/xenpv-dkms_*.deb 2>&1", timeout=400).out
        print(said)
        assert "take over from the kernel's own at the next boot" in said
        assert "/updates/dkms/" in guest.run("modinfo -n xenpv_blkfront").out
    with booted(bed, "on ours") as guest:
        check_pv(guest, OURS)
        guest.run("update-initramfs -u 2>&1", timeout=300)
        guest.run("dd if=/dev/urandom of=/root/data/4 bs=1M count=3 status=none; sha256sum /root/data/4 >>/root/sums")
    with booted(bed, "on ours, with the new initramfs") as guest:
        check_pv(guest, OURS)
        print(guest.run("apt-get remove -y xenpv-dkms 2>&1", timeout=400).out)
        assert guest.run("modinfo -n xenpv_blkfront", check=False).rc
        check_pv(guest, OURS)
    with booted(bed, "on the kernel's own") as guest:
        check_pv(guest, KERNELS)
        assert not guest.run("lsmod | grep ^xenpv", check=False).out
    bed.dom0.run(f"blockdev --flushbufs {debian.DISK}; e2fsck -fn {debian.DISK}", timeout=60)

# SPDX-License-Identifier: GPL-2.0-only
"""Guests that Debian's boot loaders bring up over PV drivers of their own, which a backend serves before Linux comes:
GRUB in PV and PVH guests reads its disk, iPXE in an HVM guest fetches from dom0 over its NIC.

Debian's firmware for HVM guests has no PV drivers, neither SeaBIOS nor, in Debian 12 and 13, OVMF.
"""

import contextlib
import shutil

from . import devices, guest, image, nics
from .cache import cached, key_of
from .layout import run

PACKAGES = ["grub-xen-host", "ipxe"]
GRUB = {"pv": "usr/lib/grub-xen/grub-x86_64-xen.bin", "pvh": "usr/lib/grub-xen/grub-i386-xen_pvh.bin"}
IPXE = "boot/ipxe.lkrn"
MARK = "bed.loaded_by="  # on the kernel line, which only the loader knows
ROOT = "xvda"
PORT = 8000
IP4 = "10.77.0.251"  # of iPXE: guests get theirs below (nics.addresses)
HTTP_LOG = "/run/bed/http.log"

MAKE_DISK = """
mkfs.ext2 -q -F {target} 48m && mkdir -p /tmp/boot && mount {target} /tmp/boot || exit
mkdir -p /tmp/boot/boot/grub && cp /host/guest/vmlinuz /host/guest/initramfs /tmp/boot/boot/
cat >/tmp/boot/boot/grub/grub.cfg; sync; umount /tmp/boot
"""
GRUB_CFG = """\
set timeout=0
menuentry bed {{
    linux /boot/vmlinuz {cmdline}
    initrd /boot/initramfs
}}
"""
SCRIPT = """\
#!ipxe
set net0/ip {ip4}
set net0/netmask 255.255.255.0
ifopen net0
kernel http://{server}:{port}/vmlinuz {cmdline}
initrd http://{server}:{port}/initramfs
boot
"""


class Loaded(guest.Guest):
    """Keeps the frontends that Linux has brought up after the loader's."""

    def _settle(self):
        pass


def _unpack(out):
    """Unpacked, not installed: this machine boots by a loader of its own."""
    run(["apt-get", "download", "-q", *PACKAGES], timeout=300, cwd=out)
    for package in out.glob("*.deb"):
        run(["dpkg-deb", "-x", package, out], timeout=60)
        package.unlink()


def _offer(machine, loader):
    """Puts a loader where dom0 finds it; returns its path there."""
    made = cached("loaders", key_of(*PACKAGES, image.kernel_version()), _unpack)
    source = made / loader
    shutil.copy(source, machine.share / "guest" / source.name)
    return f"/host/guest/{source.name}"


def _start(machine, name, kind, boot, **options):
    guest.config(machine, name, kind, boot, **options)
    started = Loaded(machine, name, None)
    started.start()
    machine.guests[name] = started
    return started


def loader_of(domain):
    """Which of them loaded the kernel that runs."""
    words = domain.run("cat /proc/cmdline").out.split()
    return next((word[len(MARK):] for word in words if word.startswith(MARK)), None)


def boot_by_grub(machine, kind, target):
    """A guest of kind 'pv' or 'pvh' whose GRUB reads kernel and initramfs from the only file system on target, which is
    made anew. The backend in dom0 is whichever is loaded."""
    cmdline = guest.cmdline_for(kind, MARK + "grub")
    machine.dom0.run(MAKE_DISK.format(target=target), timeout=60, stdin=GRUB_CFG.format(cmdline=cmdline).encode())
    boot = [f"kernel='{_offer(machine, GRUB[kind])}'"]
    return _start(machine, f"grub-{kind}", kind, boot, disks=[devices.disk(target, ROOT)])


@contextlib.contextmanager
def _http(dom0):
    """Serves what guests are booted from. Python is there for Xen's own tools."""
    dom0.run(f"cd /host/guest && (setsid python3 -u -m http.server {PORT} --bind {nics.DOM0_IP4} >{HTTP_LOG} 2>&1 & "
             "echo $! >/run/bed/http.pid); "
             f"for n in $(seq 100); do ss -ltn | grep -q :{PORT} && exit; sleep 0.1; done; cat {HTTP_LOG} >&2; exit 1")
    try:
        yield
    finally:
        dom0.run("kill $(cat /run/bed/http.pid)", check=False)


def boot_by_ipxe(machine):
    """(an HVM guest whose iPXE fetched kernel and initramfs from dom0 over its PV NIC, the server's log)."""
    script = SCRIPT.format(ip4=IP4, server=nics.DOM0_IP4, port=PORT, cmdline=guest.cmdline_for("hvm", MARK + "ipxe"))
    (machine.share / "guest" / "boot.ipxe").write_text(script, encoding="utf-8")
    boot = [f"kernel='{_offer(machine, IPXE)}'", "ramdisk='/host/guest/boot.ipxe'"]
    with _http(machine.dom0):
        started = _start(machine, "ipxe", "hvm", boot, nics=[nics.nic()])
        return started, machine.dom0.run(f"cat {HTTP_LOG}").out

# SPDX-License-Identifier: GPL-2.0-only
"""A Debian guest on a disk of its own: apt and dkms as on any machine, only its init is small.

Its disk is dom0's third (qemu.SCRATCH), which keeps what the guest writes until the machine ends. The kernel and the
initramfs that it boots are those of its own /boot, which dom0 reads between two boots as a boot loader would.
"""

import shutil

from . import image, kmods
from .guest import CHANNELS, Guest, socket_of
from .cache import cached, key_of
from .layout import FILES, run, step
from .qemu import SCRATCH_MIB

DISK = "/dev/vdc"  # in dom0
MOUNT = f"blockdev --flushbufs {DISK}; mkdir -p /tmp/debian && mount -t ext4"
UNMOUNT = "status=$?; umount /tmp/debian; exit $status"
PACKAGES = """
    bash dkms e2fsprogs ethtool g++-12 initramfs-tools iproute2 iputils-ping kmod make udev util-linux zstd
""".split()
# The initramfs has all drivers that a disk may need, MODULES=most, which is Debian's default: so that it is made and
# read in emulation's time, the guest is without those of hardware that no Xen guest sees.
WITHOUT = """
    drivers/gpu drivers/media drivers/staging drivers/infiniband drivers/iio drivers/hwmon drivers/input/touchscreen
    drivers/isdn drivers/mtd drivers/mmc drivers/nvme drivers/usb drivers/hid drivers/bluetooth drivers/firewire
    drivers/message drivers/md drivers/net/wireless drivers/net/usb drivers/net/can drivers/net/phy drivers/comedi
    sound net/bluetooth net/mac80211 net/wireless net/netfilter net/ipv4/netfilter net/ipv6/netfilter
    fs/btrfs fs/xfs fs/ocfs2 fs/gfs2 fs/ceph fs/nfs fs/smb fs/cifs fs/f2fs fs/jfs fs/reiserfs fs/ubifs fs/nilfs2
""".split()
SCSI_KEPT = ("scsi_mod", "sd_mod", "sr_mod", "scsi_common")
NETWORK_KEPT = ("xen_netfront", "e1000", "8139cp", "mii")


def _excluded():
    return [f"--dpkgopt=path-exclude=/lib/modules/*/kernel/{folder}/*" for folder in WITHOUT]


def _make_tree(kver, out):
    """mmdebstrap's chroot, in which /boot has a kernel and no initramfs yet."""
    tree = out / "tree"
    kernel = [f"linux-image-{kver}", f"linux-headers-{kver}"]
    run(["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={','.join([*PACKAGES, *kernel])}",
         "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io", *_excluded(),
         "--aptopt=Acquire::Languages \"none\"", "bookworm", tree, *image.apt_sources()], timeout=1200)
    _thin_out(tree / "lib/modules" / kver / "kernel/drivers/scsi", SCSI_KEPT)
    _thin_out(tree / "lib/modules" / kver / "kernel/drivers/net", NETWORK_KEPT)
    run(["chroot", tree, "depmod", kver], timeout=60)
    (tree / "etc/fstab").write_text("LABEL=bed / ext4 defaults 0 1\n", encoding="utf-8")
    # Emulation's time again: zstd at its best takes minutes.
    (tree / "etc/initramfs-tools/conf.d/bed").write_text("COMPRESS=gzip\nCOMPRESSLEVEL=1\n", encoding="utf-8")
    run(["chroot", tree, "update-initramfs", "-c", "-k", kver], timeout=300)
    for name in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(tree / name, ignore_errors=True)
        (tree / name / "partial").mkdir(parents=True)
    (tree / "usr/lib/bed").mkdir()
    shutil.copy(FILES / "debian-init", tree / "usr/lib/bed/init")
    (tree / "usr/lib/bed/init").chmod(0o755)
    image.compile_files("agent", tree / "usr/lib/bed/agent")


def _thin_out(folder, kept):
    for module in folder.rglob("*.ko"):
        if kmods.canonical(module) not in kept:
            module.unlink()


def _make_image(kver, out):
    _make_tree(kver, out)
    with open(out / "debian.img", "wb") as sparse:
        sparse.truncate(SCRATCH_MIB << 20)
    run(["mke2fs", "-q", "-t", "ext4", "-L", "bed", "-d", out / "tree", out / "debian.img"], timeout=300)
    shutil.rmtree(out / "tree")


def build(kver):
    """The disk's image, made the first time."""
    key = key_of(kver, FILES / "debian-init", *sorted((FILES / "agent").iterdir()), image.Path(__file__))
    return cached("debian", key, lambda out: _make_image(kver, out), need_mib=5120) / "debian.img"


def install(machine, files):
    """Puts a fresh one on dom0's third disk, for a guest that does not run; with files of the host in its /root."""
    source = build(machine.kver)
    with step("writing the Debian guest's disk"):
        run(["cp", "--sparse=always", source, machine.scratch], timeout=120)
        for file in files:
            shutil.copy(file, machine.share / "guest" / file.name)
        names = " ".join(f"/host/guest/{file.name}" for file in files)
        machine.dom0.run(f"{MOUNT} {DISK} /tmp/debian && cp {names} /tmp/debian/root/; {UNMOUNT}", timeout=60)


class Debian(Guest):
    """Handle to the guest while it runs. Its name is always the same, and so is its disk."""

    NAME = "debian"

    @classmethod
    def boot(cls, machine, disk, nic=None, cmdline="", memory=768):
        """Starts it as an HVM guest with one disk and perhaps one NIC (devices.disk(), nics.nic()), and waits until it
        takes commands."""
        _fetch_kernel(machine)
        config = [
            f"name={cls.NAME!r}", "type='hvm'", "vcpus=1", f"memory={memory}",
            "kernel='/host/guest/debian-vmlinuz'", "ramdisk='/host/guest/debian-initrd'",
            f"cmdline='root=LABEL=bed ro console=hvc0 panic=5 loglevel=7 init=/usr/lib/bed/init {cmdline}'",
            f"disk={[str(disk)]!r}", f"vif={[nic.spec(cls.NAME)] if nic else []!r}",
            CHANNELS.format(socket_of(cls.NAME)),
            "on_poweroff='destroy'", "on_reboot='destroy'", "on_crash='destroy'", "tsc_mode='native'",
            "vnc=0", "vga='none'", "usb=0",
        ]
        (machine.share / "guest" / f"{cls.NAME}.cfg").write_text("\n".join(config) + "\n", encoding="utf-8")
        guest = cls(machine, cls.NAME, None)
        guest.start()
        machine.guests[cls.NAME] = guest
        return guest

    def _settle(self):
        """Nothing to take away: its drivers are its own."""

    def power_off(self):
        """With its file system written and closed, as a shutdown does it."""
        self.run("sync; mount -o remount,ro /", check=False, timeout=30)
        self.run("sync; echo s >/proc/sysrq-trigger; echo u >/proc/sysrq-trigger; sleep 1", timeout=30)
        self.shutdown()


def _fetch_kernel(machine):
    """What a boot loader does: the one kernel that is there, and its initramfs."""
    machine.dom0.run(f"{MOUNT} -o ro {DISK} /tmp/debian && cp /tmp/debian/boot/vmlinuz-* /host/guest/debian-vmlinuz && "
                     f"cp /tmp/debian/boot/initrd.img-* /host/guest/debian-initrd; {UNMOUNT}", timeout=60)

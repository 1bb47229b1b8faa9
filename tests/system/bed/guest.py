# SPDX-License-Identifier: GPL-2.0-only
"""Guests: created by xl, spoken to through a console channel that no driver under test is part of."""

import collections
import itertools
import re
import time

from . import carrier, counters, devices, nics as virtual_nics
from .domain import Domain
from .layout import BedError, say, step

KINDS = ("pv", "pvh", "hvm")
# xl gives the first channel the number of the kernel's own console, and then refuses it: spend one.
CHANNELS = "channel=['name=unused,connection=pty', 'name=agent,connection=socket,path={}']"
# Where dom0 has kernels and initramfs of guests: in memory, since a device model keeps them open, and the share cannot
# be open in a machine that is saved.
BOOT = "/run/guest"
BRING = f"mkdir -p {BOOT} && cp -up --remove-destination /host/guest/vmlinuz* /host/guest/initramfs* {BOOT}/"
LOOK_SECONDS = 5  # between looks whether a guest that boots is still there
PANIC = ("Kernel panic", "end Kernel panic", "bed: guest: no ")


# At boot Linux 7 reads why an AMD machine was last reset, at an address that is not there for a guest; a PV guest dies
# of it.
OTHER_KERNEL = " initcall_blacklist=print_s5_reset_status_mmio"

# How often a guest of another series is begun when it does not come up: under emulation those of series 7 stop at
# boot now and then, with nothing of ours loaded yet.
ATTEMPTS = 3
LATE = 30  # seconds; five times what it takes


class Guest(Domain):
    """Handle to a running guest."""

    modules_at = "/modules"

    begun_again = collections.Counter()  # by series

    def __init__(self, machine, name, domid, kernel=None):
        self.machine = machine
        self.dom0 = machine.dom0
        self.channel = machine.channel
        self.factor = machine.dom0.factor
        self.agent = socket_of(name)
        self.modules = None  # the stamp of those that it has, once that is known
        self.share = machine.share
        self.name = name
        self.domid = domid
        self.kernel = kernel
        self.console = machine.share / "xen/console" / f"guest-{name}.log"

    # Life

    @classmethod
    def create(cls, machine, name, kind="pvh", vcpus=1, memory=384, disks=(), nics=(), cmdline="", kernel=None,
               serves=False):
        """Starts a guest and waits until it takes commands.

        kind: 'pvh' (quick to start, PV devices only), 'pv' (the same without hardware virtualisation: its frames
        are the machine's) or 'hvm' (firmware, and emulated devices next to PV ones: a disk named hdX is
        emulated, ata_piix and sd_mod serve it).  disks: what devices.disk() returns.  nics: what nics.nic()
        returns, of a dom0 with a network backend loaded.  kernel: a series that the machine was told to have
        ready (use_kernel).  serves: may become a driver domain (driver_domain.py).  It ends up with its tools in
        memory and no block or net driver loaded: tests load the one they want.
        """
        devices.check_names(disks, kind)
        virtual_nics.check(machine.dom0, nics, kind)
        boot = direct_boot(kind, cmdline, kernel)
        config(machine, name, kind, boot, vcpus, memory, disks, nics, serves)
        mark = machine.watch.mark()
        if kernel:
            return cls._start_other(machine, name, kind, kernel)
        try:
            return cls._start(machine, name, kind)
        except BedError:
            if not machine.watch.emulator_fault(mark):
                raise
            say(f"guest {name} was lost by the emulator: once more")
            return cls._start(machine, name, kind)

    @classmethod
    def _start_other(cls, machine, name, kind, kernel):
        for attempt in itertools.count(1):
            try:
                return cls._start(machine, name, kind, kernel)
            except BedError as error:
                if attempt == ATTEMPTS:
                    raise
                cls.begun_again[kernel] += 1
                say(f"guest {name} on a kernel {kernel} did not come up, attempt {attempt} of {ATTEMPTS}: {error}")

    @classmethod
    def _start(cls, machine, name, kind, kernel=None):
        console = machine.share / "xen/console" / f"guest-{name}.log"
        before = console.stat().st_size if console.exists() else 0
        with step(f"guest {name} ({kind}): xl create"):
            machine.dom0.run(f"{BRING} && xl create -q /host/guest/{name}.cfg", timeout=60)
        guest = cls(machine, name, _domid(machine.dom0, name), kernel)
        try:
            with step(f"guest {name}: booting"):
                guest._await_boot(before)
                guest._settle()
        except BaseException:
            machine.dom0.run(f"xl destroy {name}", check=False, timeout=30)
            raise
        return guest

    @classmethod
    def find(cls, machine, name):
        config = machine.share / "guest" / f"{name}.cfg"
        kernel = re.search(rf"^kernel='{BOOT}/vmlinuz-(.*)'$", config.read_text() if config.exists() else "", re.M)
        return cls(machine, name, _domid(machine.dom0, name), kernel[1] if kernel else None)

    def _await_boot(self, before):
        limit = (LATE if self.kernel else 60) * self.dom0.factor
        deadline = self.dom0.now() + limit
        next_look = time.monotonic() + LOOK_SECONDS
        while True:
            text = self.console_text(before)
            if "bed: guest: agent on" in text:
                break
            died = any(word in text for word in PANIC)
            if time.monotonic() > next_look:
                next_look += LOOK_SECONDS
                died = died or self.dom0.domain_id(self.name) is None
            if died:
                raise BedError(f"guest {self.name} died at boot, its console ends:\n{_last_lines(text)}")
            if self.dom0.now() > deadline:
                raise BedError(f"guest {self.name} did not come up in {limit} s, its console ends:\n"
                               f"{_last_lines(text)}")
            time.sleep(0.2)
        for _ in range(5):  # the first line may reach the console before the agent has made it raw
            if self.answers():
                return
        raise BedError(f"the agent of guest {self.name} does not answer, its console ends:\n"
                       f"{_last_lines(text)}")

    def _settle(self):
        """What brought the tools is not there when a test begins."""
        self.detach("xvdz")
        self.unload("xen-blkfront")

    def console_text(self, start=0):
        if not self.console.exists():
            return ""
        with open(self.console, "rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")

    def destroy(self):
        self.dom0.run(f"xl destroy {self.name}", timeout=30)
        self.machine.guests.pop(self.name, None)

    def shutdown(self):
        """Powers off from inside and waits until the domain has gone."""
        self.ask("write", "/proc/sysrq-trigger", "0", "o", check=False, timeout=5)
        deadline = self.dom0.now() + 30 * self.dom0.factor
        while self.dom0.now() < deadline:
            if self.dom0.domain_id(self.name) is None:
                self.machine.guests.pop(self.name, None)
                return
            time.sleep(0.5)
        raise BedError(f"guest {self.name} did not power off")

    # Commands and files

    def _call(self, limit, **request):
        try:
            return super()._call(limit, **request)
        except BedError as error:
            raise BedError(f"guest {self.name}: {error}; its console ends:\n"
                           f"{_last_lines(self.console_text())}") from None

    def answers(self):
        try:
            return super().answers()
        except BedError:
            return False

    def put(self, source, target):
        """Copies a file of the host into the guest, through the command channel."""
        self.write(target, source.read_bytes())

    def refresh_modules(self):
        carrier.refresh_modules(self)

    # Devices and counters

    def attach(self, disk):
        return devices.attach(self, disk)

    def detach(self, vdev, force=False):
        devices.detach(self, vdev, force)

    def counts(self):
        return counters.read(self.dom0, self.domid)


def socket_of(name):
    """Dom0's end of a guest's channel."""
    return f"/run/bed/guest-{name}.sock"


def _last_lines(text, lines=15):
    return "\n".join(text.splitlines()[-lines:]) or "(nothing was printed)"


def _domid(dom0, name):
    domid = dom0.domain_id(name)
    if domid is None:
        raise BedError(f"there is no guest {name}")
    return domid


def cmdline_for(kind, more=""):
    """What every guest's kernel is told."""
    unplug = " xen_emul_unplug=unnecessary" if kind == "hvm" else ""
    return f"console=hvc0 panic=5 loglevel=7{unplug} {more}"


def direct_boot(kind, cmdline, kernel):
    """Lines of a guest's configuration: xl brings the kernel, of this machine's series or another."""
    series = f"-{kernel}" if kernel else ""
    cmdline += OTHER_KERNEL if kernel else ""
    return [f"kernel='{BOOT}/vmlinuz{series}'", f"ramdisk='{BOOT}/initramfs{series}'",
            f"cmdline='{cmdline_for(kind, cmdline)}'"]


def config(machine, name, kind, boot, vcpus=1, memory=384, disks=(), nics=(), serves=False):
    """Writes the file that xl creates a guest from. boot: the lines of what it runs first."""
    if kind not in KINDS:
        raise BedError(f"guest kind {kind!r}: known are {' '.join(KINDS)}")
    # The tools come from dom0's second disk through QEMU's own backend: no driver under test has a part in
    # it. Not read-only: QEMU 7.2 fails to attach such a disk. The disk is a snapshot, and guests only read
    # it.
    specs = [*map(str, disks), str(devices.disk("/dev/vdb", "xvdz", backend="qdisk"))]
    lines = [
        f"name={name!r}", f"type={kind!r}", f"vcpus={vcpus}", f"memory={memory}", *boot,
        f"disk={specs!r}", f"vif={[one.spec(name) for one in nics]!r}", CHANNELS.format(socket_of(name)),
        f"driver_domain={int(serves)}",
        "on_poweroff='destroy'", "on_reboot='destroy'", "on_crash='destroy'",
        # TCG's TSC does not look stable to Xen, which then makes every reading of it an exit: half of a guest's
        # time. With hardware under it no guest runs like that.
        "tsc_mode='native'",
    ]
    if kind == "hvm":
        lines += ["vnc=0", "vga='none'", "usb=0"]
    (machine.share / "guest" / f"{name}.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")

# SPDX-License-Identifier: GPL-2.0-only
"""Guests: created by xl, spoken to through a console channel that no driver under test is part of."""

import collections
import itertools
import re
import time

from . import carrier, counters, debug_kernel, devices, nics as virtual_nics
from .domain import Domain
from .layout import BedError, say, step

KINDS = ("pv", "pvh", "hvm")
# What of Xen's a guest may have most, in frames of 4 KiB: of its own grant table, and of what it has mapped.
LIMITS = ("max_grant_frames", "max_maptrack_frames")
# xl gives the first channel the number of the kernel's own console, and then refuses it: spend one.
CHANNELS = "channel=['name=unused,connection=pty', 'name=agent,connection=socket,path={}']"
# Dom0's ends of the channels; a folder of their own, since moves.py puts another in its place.
SOCKETS = "/run/agents"
# Where dom0 has kernels and initramfs of guests: in memory, since a device model keeps them open, and the share cannot
# be open in a machine that is saved.
BOOT = "/run/guest"
BRING = (f"mkdir -p {BOOT} {SOCKETS} && "
         f"cp -up --remove-destination /host/guest/vmlinuz* /host/guest/initramfs* {BOOT}/")
LOOK_SECONDS = 5  # between looks whether a guest that boots is still there
PANIC = ("Kernel panic", "end Kernel panic", "bed: guest: no ")


# At boot Linux 7 reads why an AMD machine was last reset, at an address that is not there for a guest; a PV guest dies
# of it.
OTHER_KERNEL = " initcall_blacklist=print_s5_reset_status_mmio"

# How often a guest of another series is begun when it does not come up: under emulation those of series 7 stop at
# boot now and then, with nothing of ours loaded yet.
ATTEMPTS = 3
DEBUG_MEMORY = 2  # times what others have, for what the debug kernel keeps of memory and locks
LATE = 30  # seconds; five times what it takes, and twice what it takes the debug kernel


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
        self.configuration = machine.share / "guest" / f"{name}.cfg"

    # Life

    @classmethod
    def create(cls, machine, name, kind="pvh", vcpus=1, memory=384, disks=(), nics=(), cmdline="", kernel=None,
               serves=False, **limits):
        """Starts a guest and waits until it takes commands.

        kind: 'pvh' (quick to start, PV devices only), 'pv' (the same without hardware virtualisation: its frames
        are the machine's) or 'hvm' (firmware, and emulated devices next to PV ones: a disk named hdX is
        emulated, ata_piix and sd_mod serve it).  disks: what devices.disk() returns.  nics: what nics.nic()
        returns, of a dom0 with a network backend loaded.  kernel: a series that the machine was told to have
        ready (use_kernel).  serves: may become a driver domain (driver_domain.py).  limits: LIMITS, Xen's own unless
        told.  It ends up with its tools in memory and no block or net driver loaded, unless it has PV disks from the
        beginning, which blkfront keeps: tests load the one they want.
        """
        devices.check_names(disks, kind)
        virtual_nics.check(machine.dom0, nics, kind)
        boot = direct_boot(kind, cmdline, kernel)
        if kernel == debug_kernel.NAME:
            memory *= DEBUG_MEMORY
        config(machine, name, kind, boot, vcpus, memory, disks, nics, serves, **limits)
        guest = cls(machine, name, None, kernel)
        guest.start()
        return guest

    def start(self):
        """Creates the domain that its configuration describes, and waits until it takes commands."""
        mark = self.machine.watch.mark()
        if self.kernel:
            self._start_other()
            return
        try:
            self._start()
        except BedError:
            if not self.machine.watch.emulator_fault(mark):
                raise
            say(f"guest {self.name} was lost by the emulator: once more")
            self._start()

    def _start_other(self):
        for attempt in itertools.count(1):
            try:
                self._start()
                return
            except BedError as error:
                if attempt == ATTEMPTS:
                    raise
                self.begun_again[self.kernel] += 1
                say(f"guest {self.name} on a kernel {self.kernel} did not come up, attempt {attempt} of {ATTEMPTS}: "
                    f"{error}")

    def _start(self):
        before = self.console.stat().st_size if self.console.exists() else 0
        with step(f"guest {self.name}: xl create"):
            self.dom0.run(f"{BRING} && xl create -q /host/guest/{self.name}.cfg", timeout=60)
        self.find_domain()
        self.modules = None
        try:
            with step(f"guest {self.name}: booting"):
                self._await_boot(before)
                self._settle()
        except BaseException:
            self.dom0.run(f"xl destroy {self.name}", check=False, timeout=30)
            raise

    @classmethod
    def configured(cls, machine, name):
        """A guest by name whose domain need not be there."""
        guest = cls(machine, name, None)
        lines = guest.configuration.read_text() if guest.configuration.exists() else ""
        kernel = re.search(rf"^kernel='{BOOT}/vmlinuz-(.*)'$", lines, re.M)
        guest.kernel = kernel[1] if kernel else None
        return guest

    @classmethod
    def find(cls, machine, name):
        guest = cls.configured(machine, name)
        guest.find_domain()
        return guest

    def find_domain(self):
        """Learns the number of its domain, which every new beginning changes."""
        self.domid = self.dom0.domain_id(self.name)
        if self.domid is None:
            raise BedError(f"there is no guest {self.name}")

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
        if self.run("ls -d /sys/block/xvd*", check=False).rc:
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
    return f"{SOCKETS}/{name}.sock"


def _last_lines(text, lines=15):
    return "\n".join(text.splitlines()[-lines:]) or "(nothing was printed)"


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


def config(machine, name, kind, boot, vcpus=1, memory=384, disks=(), nics=(), serves=False, **limits):
    """Writes the file that xl creates a guest from. boot: the lines of what it runs first."""
    if kind not in KINDS:
        raise BedError(f"guest kind {kind!r}: known are {' '.join(KINDS)}")
    if unknown := limits.keys() - set(LIMITS):
        raise BedError(f"no limit of a guest: {' '.join(unknown)}; known are {' '.join(LIMITS)}")
    # The tools come from dom0's second disk through QEMU's own backend: no driver under test has a part in
    # it. Not read-only: QEMU 7.2 fails to attach such a disk. The disk is a snapshot, and guests only read
    # it.
    specs = [*map(str, disks), str(devices.disk("/dev/vdb", "xvdz", backend="qdisk"))]
    lines = [
        f"name={name!r}", f"type={kind!r}", f"vcpus={vcpus}", f"memory={memory}", *boot,
        f"disk={specs!r}", f"vif={[one.spec(name) for one in nics]!r}", CHANNELS.format(socket_of(name)),
        f"driver_domain={int(serves)}", *(f"{limit}={value}" for limit, value in limits.items()),
        "on_poweroff='destroy'", "on_reboot='destroy'", "on_crash='destroy'",
        # TCG's TSC does not look stable to Xen, which then makes every reading of it an exit: half of a guest's
        # time. With hardware under it no guest runs like that.
        "tsc_mode='native'",
    ]
    if kind == "hvm":
        lines += ["vnc=0", "vga='none'", "usb=0"]
    (machine.share / "guest" / f"{name}.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")

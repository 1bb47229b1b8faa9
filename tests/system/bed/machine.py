# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU with Xen and dom0 in it: started, found again by a later command, stopped.

There is at most one on a host: the running QEMU itself holds the lock, so a crash of whoever started it
neither leaves the lock behind nor lets a second one in.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import accel, image, kernels
from .channel import Channel
from .dom0 import Dom0
from .domain import modules_of
from .guest import Guest
from .layout import LOGS, REPO, BedError, cpio, run, say, step
from .watch import Watch

LOCK = Path("/run/lock/xenpv-bed.lock")
KEEP_RUNS = 8
SCRATCH, SCRATCH_MIB = "scratch.img", 3072  # dom0's third disk: empty, and not a snapshot


def _lock():
    """The locked file, or None when a bed is up."""
    handle = open(LOCK, "a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def running():
    """The state of the bed that is up, or None."""
    handle = _lock()
    if handle:
        handle.close()
        return None
    try:
        return json.loads(LOCK.read_text(encoding="utf-8"))
    except ValueError:
        raise BedError("another bed is just starting or ending: try again in a few seconds") from None


class Machine:
    def __init__(self, state, process=None):
        self.pid = state["pid"]
        self.dir = Path(state["dir"])
        self.kver = state["kver"]
        self.accel = state["accel"]
        self.process = process
        self.share = self.dir / "share"
        self.scratch = self.dir / SCRATCH
        self.watch = Watch(self.dir)
        self.guests = {}
        self.channel = self._connect()
        self.kernel = state["kernel"]
        self.kind = state["kind"]
        self.boot_seconds = None
        self.dom0 = Dom0(self.channel, self.share, state["factor"], self.kernel)

    # Starting and stopping

    @classmethod
    def start(cls, vcpus=1, memory=3072, modules=REPO, detached=False, kernel=None, dom0="pv"):
        """Boots Xen and dom0 and waits for dom0's agent. memory is dom0's, in MiB; kernel a series, for dom0; dom0 its
        kind, 'pv' or 'pvh'."""
        handle = _lock()
        if handle is None:
            raise BedError(f"a bed is up already (see {LOCK}): tests/system/xenbed down")
        with handle:
            handle.truncate(0)
            made = image.build()
            guests_kernel = made.kernel
            if kernel:
                made.kver, made.kernel, made.dom0_initramfs = image.other_dom0(kernel)
            chosen = accel.choose(made.xen, made.kernel)
            folder = _new_run()
            share = folder / "share"
            for name in ("modules", "guest", "xen/console"):
                (share / name).mkdir(parents=True)
            with open(folder / SCRATCH, "wb") as sparse:
                sparse.truncate(SCRATCH_MIB << 20)
            shutil.copy(guests_kernel, share / "guest" / "vmlinuz")
            shutil.copy(made.guest_initramfs, share / "guest" / "base.cpio.xz")
            began = time.monotonic()
            with step("booting Xen and dom0"):
                process = _spawn(made, chosen, folder, vcpus, memory, handle, detached, dom0)
                state = {"pid": process.pid, "dir": str(folder), "kver": made.kver, "accel": chosen.name,
                         "factor": chosen.factor, "kernel": kernel, "kind": dom0}
                handle.write(json.dumps(state))
                handle.flush()
                try:
                    machine = cls(state, process)
                    machine.refresh_modules(Path(modules))
                    if kernel:
                        machine.use_kernel(kernel)
                    machine.dom0.run("true", timeout=60)
                except BaseException:
                    process.kill()
                    process.wait()
                    say(f"boot failed, logs: {folder}\n{_tail(folder / 'xen.log')}")
                    raise
        machine.boot_seconds = time.monotonic() - began
        return machine

    @classmethod
    def attach(cls):
        """The bed that is up."""
        state = running()
        if state is None:
            raise BedError("no bed is up: tests/system/xenbed up")
        return cls(state)

    def stop(self):
        """Ends QEMU. Its disks are snapshots, so there is nothing to shut down in order."""
        self.channel.close()
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + 10
        while running() and time.monotonic() < deadline:
            if self.process:
                self.process.poll()
            time.sleep(0.1)
        if running():
            os.kill(self.pid, signal.SIGKILL)
        self.scratch.unlink(missing_ok=True)

    def _connect(self):
        path = self.dir / "agent.sock"
        deadline = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                raise BedError(f"QEMU did not start: {_tail(self.dir / 'qemu.err')}")
            time.sleep(0.05)
        return Channel(path, connect_timeout=10)

    # What runs inside

    def refresh_modules(self, source):
        """Makes the .ko files of a directory what dom0 and guests to come load."""
        found = sorted(source.glob("*.ko"))
        for old in (self.share / "modules").glob("*.ko"):
            old.unlink()
        for module in found:
            self._take_module(module)
        self._make_initramfs()
        say(f"modules under test: {' '.join(m.name for m in found) or 'none'} (from {source})")

    def replace_module(self, source):
        """Takes one new .ko for dom0 and guests to come; returns the stripped file."""
        stripped = self._take_module(source)
        self._make_initramfs()
        return stripped

    def _take_module(self, source):
        target = self.share / "modules" / source.name
        run(["strip", "-g", "-o", target, source], timeout=20)
        return target

    def _make_initramfs(self):
        guest = self.share / "guest"
        self._pack(self.share / "modules", guest / "base.cpio.xz", guest / "initramfs")

    def _pack(self, modules, base, target):
        """A guest's initramfs: what is cached, and the modules under test."""
        tree = self.dir / "overlay"
        shutil.copytree(modules, tree / "modules")
        overlay = self.dir / "overlay.cpio.xz"
        cpio(tree, overlay)
        shutil.rmtree(tree)
        target.write_bytes(base.read_bytes() + overlay.read_bytes())

    def use_kernel(self, name):
        """Has what a dom0 or guests of another series need: its modules under test, kernel and initramfs."""
        if (self.share / "guest" / f"initramfs-{name}").exists():
            return
        vmlinuz, base = image.other_guest(name)
        target = self.share / modules_of(name)
        target.mkdir(exist_ok=True)
        for module in sorted(kernels.build(kernels.find(name)).glob("*.ko")):
            run(["strip", "-g", "-o", target / module.name, module], timeout=20)
        shutil.copy(vmlinuz, self.share / "guest" / f"vmlinuz-{name}")
        self._pack(target, base, self.share / "guest" / f"initramfs-{name}")

    def create_guest(self, name, **options):
        """See Guest.create."""
        if options.get("kernel"):
            self.use_kernel(options["kernel"])
        self.guests[name] = guest = Guest.create(self, name, **options)
        return guest

    def guest(self, name):
        """A running guest by name, whoever created it."""
        if name not in self.guests:
            self.guests[name] = Guest.find(self, name)
        return self.guests[name]


def _new_run():
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in sorted(LOGS.glob("2*"))[:-KEEP_RUNS + 1]:
        shutil.rmtree(old, ignore_errors=True)
    for old in LOGS.glob(f"2*/{SCRATCH}"):
        old.unlink()
    folder = LOGS / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir()
    latest = LOGS / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(folder.name)
    return folder


def _tail(path, lines=15):
    if not path.exists():
        return f"({path.name} is missing)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


# A PVH dom0's devices are behind an IOMMU, which Xen demands for one, and with them what QEMU emulates for it: a virtio
# device that went round it would take addresses of the domain for the machine's.
PVH_MACHINE = ["-machine", "q35", "-device", "amd-iommu"]
BEHIND_IOMMU = ",disable-legacy=on,iommu_platform=on"


def _spawn(made, chosen, folder, vcpus, memory, lock, detached, dom0):
    xen_options = (f"console=com1 com1=115200,8n1 dom0_mem={memory}M,max:{memory}M dom0_max_vcpus={vcpus} "
                   "loglvl=all guest_loglvl=all cpuidle=0")
    kernel_options = "console=hvc0 panic=1 loglevel=7"
    board, virtio = [], ""
    if dom0 == "pvh":
        board, virtio = PVH_MACHINE, BEHIND_IOMMU
        xen_options += " dom0=pvh"
    command = [
        "qemu-system-x86_64", *chosen.args, *board, "-smp", "2", "-m", str(memory + 3072), "-no-reboot",
        "-nodefaults", "-display", "none", "-monitor", "none", "-serial", f"file:{folder}/xen.log",
        "-kernel", made.xen, "-append", xen_options,
        "-initrd", f"{made.kernel} {kernel_options},{made.dom0_initramfs}",
        "-drive", f"file={made.dom0_root},if=none,id=root,format=raw,cache=unsafe,snapshot=on",
        "-device", f"virtio-blk-pci,drive=root{virtio}",
        "-drive", f"file={made.guest_tools},if=none,id=tools,format=raw,snapshot=on",
        "-device", f"virtio-blk-pci,drive=tools{virtio}",
        "-drive", f"file={folder}/{SCRATCH},if=none,id=scratch,format=raw,cache=unsafe,discard=unmap",
        "-device", f"virtio-blk-pci,drive=scratch{virtio}",
        "-fsdev", f"local,id=share,path={folder}/share,security_model=none",
        "-device", f"virtio-9p-pci,fsdev=share,mount_tag=host{virtio}",
        "-device", f"virtio-serial-pci{virtio}",
        "-chardev", f"socket,id=agent,path={folder}/agent.sock,server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=bed",
    ]
    if not detached:  # a test run that is killed takes its machine with it
        command = ["setpriv", "--pdeathsig", "TERM", *command]
    command = [str(c) for c in command]
    (folder / "qemu.cmd").write_text("\n".join(command) + "\n")
    with open(folder / "qemu.err", "wb") as errors:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                pass_fds=[lock.fileno()], start_new_session=True)

# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU with Xen and dom0 in it: booted or restored, found again by a later command, stopped."""

import os
import shutil
import signal
import time
from pathlib import Path

from . import accel, carrier, debug_kernel, image, kernels, qemu, runs, snapshot
from .channel import Channel
from .dom0 import Dom0
from .domain import modules_of
from .guest import Guest
from .layout import REPO, BedError, cpio, run, say, step
from .watch import Watch

ANSWER_SECONDS = 60  # within which dom0 answers once its agent is there
SERVICES = "bed: dom0: services started"  # dom0-init's word before it starts the agent
# Seconds of the host without a new line of Xen's or dom0's, after which a boot has stopped; how long one takes is a
# matter of the host and of dom0's kernel.
SILENCE = 300


class Machine:
    def __init__(self, state, process=None):
        self.name = state["name"]
        self.pid = state["pid"]
        self.dir = Path(state["dir"])
        self.kver = state["kver"]
        self.accel = state["accel"]
        self.lane = state["lane"]
        self.process = process
        self.share = self.dir / "share"
        self.scratch = self.dir / qemu.SCRATCH
        self.watch = Watch(self.dir)
        qemu.await_socket(self.dir / "agent.sock", process)
        self.channel = Channel(self.dir / "agent.sock", connect_timeout=10)
        self.kernel = state["kernel"]
        self.kind = state["kind"]
        self.boot_seconds = state["boot_seconds"]
        self.dom0 = Dom0(self.channel, self.share, state["factor"], self.kernel)
        self.guests = {}

    # Starting and stopping

    @classmethod
    def start(cls, modules=REPO, detached=False, name=runs.DEFAULT_NAME, lane=accel.DEFAULT_LANE, **options):
        """A machine that answers: restored where there is a snapshot, which is made where there can be one.

        name tells it from others of this tree.  detached: it outlives this process.  options: vcpus and memory (MiB)
        of dom0; kernel, a series, for dom0; dom0, its kind, 'pv' or 'pvh' (debug_kernel.dom0_kind).
        """
        if name in runs.alive():
            raise BedError(f"a bed named {name!r} is up already: tests/system/xenbed down")
        options["dom0"] = debug_kernel.dom0_kind(options.get("kernel"), options.get("dom0"))
        made = image.build()
        guests_kernel = made.kernel
        if options.get("kernel"):
            made.kver, made.kernel, made.dom0_initramfs = image.other_dom0(options["kernel"])
        plan = qemu.Plan(made, accel.choose(made, lane), **options)

        def boot(plan, memory_file):
            return cls._boot(plan, guests_kernel, f"{name}-made", memory_file=memory_file)

        if found := snapshot.find(plan, boot):
            try:
                machine = cls._restore(plan, guests_kernel, name, *found, detached)
            except BedError as error:
                say(f"the snapshot cannot be restored, and is made anew: {error}")
                snapshot.cache.give_up(found[0])
                found = snapshot.find(plan, boot)
                machine = cls._restore(plan, guests_kernel, name, *found, detached)
        else:
            machine = cls._boot(plan, guests_kernel, name, detached)
        machine.refresh_modules(Path(modules))
        if plan.kernel:
            machine.use_kernel(plan.kernel)
        return machine

    @classmethod
    def _boot(cls, plan, guests_kernel, name, detached=False, memory_file=None):
        """memory_file: the file that its memory is to be, for a snapshot."""
        began = time.monotonic()
        with step(f"booting Xen and dom0 ({plan.accel.lane.name})"):
            machine = cls._spawn(plan, guests_kernel, name, detached, plan.machine(memory_file, share=True))
            try:
                machine._await_services()
                machine.dom0.run("true", timeout=ANSWER_SECONDS)
            except BaseException:
                machine._give_up("boot failed")
                raise
        machine.boot_seconds = time.monotonic() - began
        return machine

    @classmethod
    def _restore(cls, plan, guests_kernel, name, folder, about, detached):
        with step(f"restoring Xen, dom0 and {' '.join(about['guests']) or 'no guests'} ({plan.accel.lane.name})"):
            command = [*plan.machine(folder / snapshot.MEMORY), "-incoming", "defer"]
            machine = cls._spawn(plan, guests_kernel, name, detached, command, about["boot_seconds"],
                                 lambda run_folder, process: snapshot.resume(folder, run_folder, process))
            try:
                machine.dom0.run("/run/bed/resume", timeout=ANSWER_SECONDS)
            except BaseException:
                machine._give_up("restoring failed")
                raise
        machine.guests = {guest: Guest(machine, guest, domid) for guest, domid in about["guests"].items()}
        return machine

    @classmethod
    def _spawn(cls, plan, guests_kernel, name, detached, command, boot_seconds=None, resume=None):
        """Starts QEMU with a folder of its own; the machine's agent has its end of the channel, and may not answer."""
        folder, lock = runs.new(name)
        with lock:
            share = folder / "share"
            for part in ("modules", "guest", "xen/console"):
                (share / part).mkdir(parents=True)
            with open(folder / qemu.SCRATCH, "wb") as sparse:
                sparse.truncate(qemu.SCRATCH_MIB << 20)
            shutil.copy(guests_kernel, share / "guest" / "vmlinuz")
            shutil.copy(plan.made.guest_initramfs, share / "guest" / "base.cpio.xz")
            shutil.copy(plan.made.guest_initramfs, share / "guest" / "initramfs")
            process = qemu.spawn([*command, *plan.ends(folder)], folder, lock, detached)
            state = {"name": name, "pid": process.pid, "dir": str(folder), "kver": plan.made.kver,
                     "accel": plan.accel.name, "lane": plan.accel.lane.name, "factor": plan.accel.factor,
                     "kernel": plan.kernel, "kind": plan.dom0, "boot_seconds": boot_seconds}
            try:
                if resume:
                    resume(folder, process)
                machine = cls(state, process)
            except BaseException:
                process.kill()
                process.wait()
                raise
            runs.tell(lock, state)
            return machine

    def _await_services(self):
        """Waits until dom0's agent is about to start."""
        log, length, since = self.dir / "xen.log", 0, time.monotonic()
        while SERVICES not in (text := log.read_text(errors="replace") if log.exists() else ""):
            if len(text) > length:
                length, since = len(text), time.monotonic()
            if self.process.poll() is not None:
                raise BedError("QEMU ended during the boot")
            if time.monotonic() - since > SILENCE:
                raise BedError(f"Xen's console has shown nothing new for {SILENCE} s")
            time.sleep(0.1)

    def _give_up(self, why):
        self.process.kill()
        self.process.wait()
        say(f"{why}, logs: {self.dir}\n{_tail(self.dir / 'xen.log')}")

    @classmethod
    def attach(cls, name=runs.DEFAULT_NAME):
        """The bed of this name that is up."""
        state = runs.alive().get(name)
        if state is None:
            raise BedError("no bed is up: tests/system/xenbed up")
        return cls(state)

    def stop(self):
        """Ends QEMU. It keeps nothing, so there is nothing to shut down in order."""
        self.channel.close()
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + 10
        while runs.is_up(self.dir) and time.monotonic() < deadline:
            if self.process:
                self.process.poll()
            time.sleep(0.05)
        if runs.is_up(self.dir):
            os.kill(self.pid, signal.SIGKILL)
        self.scratch.unlink(missing_ok=True)

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

    def replace_modules(self, sources):
        """Takes new .ko files for dom0 and guests to come."""
        for source in sources:
            self._take_module(source)
        self._make_initramfs()

    def _take_module(self, source):
        run(["strip", "-g", "-o", self.share / "modules" / source.name, source], timeout=20)

    def _make_initramfs(self):
        guest = self.share / "guest"
        self._pack(self.share / "modules", guest / "base.cpio.xz", guest / "initramfs")

    def _pack(self, modules, base, target):
        """A guest's initramfs: what is cached, and the modules under test."""
        tree = self.dir / "overlay"
        shutil.copytree(modules, tree / "modules")
        (tree / "modules" / carrier.STAMP).write_text(carrier.stamp_of(modules), encoding="utf-8")
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
        """See Guest.create. On the debug kernel where dom0 is, but for PV guests, which cannot be."""
        if self.kernel == debug_kernel.NAME and options.get("kind") != "pv":
            options.setdefault("kernel", self.kernel)
        if options.get("kernel"):
            self.use_kernel(options["kernel"])
        self.guests[name] = guest = Guest.create(self, name, **options)
        return guest

    def guest(self, name):
        """A running guest by name, whoever created it."""
        if name not in self.guests:
            self.guests[name] = Guest.find(self, name)
        return self.guests[name]


def _tail(path, lines=15):
    if not path.exists():
        return f"({path.name} is missing)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

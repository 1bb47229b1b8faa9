# SPDX-License-Identifier: GPL-2.0-only
"""Machines that have booted once and are restored from then on: Xen, dom0 with its services, and the standing guests.

A snapshot is the memory of the whole machine, a file that every restore maps privately, and the state of its devices.
Dom0 keeps what it writes to its root in memory, so no disk belongs to it. QEMU wants the same options for both, and
the cache names a snapshot after all of them and all that was booted.
"""

import json
import re
import shlex
import time
from pathlib import Path

from . import cache, qemu, standing
from .layout import BedError, run, say

MEMORY, STATE, ABOUT = "memory", "state", "about.json"
NEED_MIB = 6144  # while it is made; half a GiB to two stay
TRIES = 400
# Selectors of Xen, and of dom0's kernel and programs: those of a CPU that is not inside a guest.
OUTSIDE = {"e008", "e033", "e030", "e02b", "e023"}
HERE = Path(__file__).parent
# What decides how a machine is booted and its guests are made.
RECIPE = [HERE / f"{name}.py" for name in ("devices", "guest", "machine", "nics", "qemu", "snapshot", "standing")]


def possible(plan):
    """Why not: QEMU cannot save the IOMMU of a PVH dom0, and under KVM booting is as quick."""
    return plan.dom0 == "pv" and plan.accel.name == "tcg"


def key(plan):
    made = plan.made
    return cache.key_of(plan.accel.version, plan.accel.args, plan.vcpus, plan.memory, plan.kernel, plan.dom0,
                        plan.accel.lane.guests, plan.machine(), [made.guest_initramfs, made.kver], *RECIPE)


def find(plan, boot):
    """(folder, what about.json says) of the snapshot, which is made the first time; None where it cannot be.

    boot(plan, memory_file) is a machine that has booted with its memory in a file.
    """
    if not possible(plan):
        return None
    name = f"snapshot-{plan.accel.lane.name}"
    try:
        folder = cache.cached(name, key(plan), lambda out: _make(plan, boot, out), need_mib=NEED_MIB)
    except BedError as error:
        if not cache.NO_ROOM.search(str(error)):
            raise
        say(f"no snapshot, every machine is booted: {error}")
        return None
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        whole = all((folder / part).stat().st_size == length for part, length in about["sizes"].items())
    except (OSError, ValueError, KeyError):
        whole = False
    if whole:
        return folder, about
    say(f"{folder} is not a snapshot of this bed: making it anew")
    cache.give_up(folder)
    return find(plan, boot)


def _make(plan, boot, out):
    machine = boot(plan, out / MEMORY)
    try:
        for name in plan.accel.lane.guests:
            standing.make(machine, name)
        guests = {name: guest.domid for name, guest in machine.guests.items()}
        machine.dom0.run("/run/bed/suspend", timeout=60)
        with qemu.Monitor(machine.dir, machine.process) as monitor:
            _save(monitor, out / STATE)
            monitor.call("quit")  # at once: it maps the file of memory, and writes to it
        machine.process.wait(60)
    finally:
        machine.stop()
    run(["fallocate", "-d", out / MEMORY], timeout=300)
    about = {"guests": guests, "boot_seconds": machine.boot_seconds, "kver": machine.kver,
             "sizes": {part: (out / part).stat().st_size for part in (MEMORY, STATE)}}
    (out / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _save(monitor, target):
    _stop_outside_guests(monitor)
    _ignore_shared(monitor)
    monitor.call("migrate", uri=f"exec:cat >{shlex.quote(str(target))}")
    _await_migration(monitor)


def _stop_outside_guests(monitor):
    """QEMU cannot save a CPU while it runs a guest's code: stop, look, and go on, until none does."""
    for _ in range(TRIES):
        monitor.call("stop")
        selectors = re.findall(r"^CS =([0-9a-f]{4})", monitor.human("info registers -a"), re.M)
        if selectors and OUTSIDE.issuperset(selectors):
            return
        monitor.call("cont")
        time.sleep(0.05)
    raise BedError(f"no moment was found in {TRIES} in which no CPU ran a guest: repeat")


def _ignore_shared(monitor):
    monitor.call("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": True}])


def _await_migration(monitor, limit=60):
    deadline = time.monotonic() + limit
    while (status := monitor.call("query-migrate").get("status")) != "completed":
        if status in ("failed", "cancelled") or time.monotonic() > deadline:
            raise BedError(f"QEMU could not save or restore the machine: {status}")
        time.sleep(0.05)


def resume(folder, run_folder, process):
    """Has a QEMU that waits with -incoming defer go on where the snapshot was made."""
    with qemu.Monitor(run_folder, process) as monitor:
        _ignore_shared(monitor)
        monitor.call("migrate-incoming", uri=f"exec:cat {shlex.quote(str(folder / STATE))}")
        _await_migration(monitor)
        monitor.call("cont")

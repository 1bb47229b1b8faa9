# SPDX-License-Identifier: GPL-2.0-only
"""The frontend by hand: built on the host, run in a guest that has no frontend driver loaded."""

import contextlib
import time

import pytest

from bed import counters, devices, layout

SOURCES = layout.REPO / "tests/system/handfront"
PROGRAM = layout.REPO / "build/handfront"
INSIDE = "/tmp/handfront"
MODULES = ["xen-gntalloc", "xen-evtchn"]
BACKS = {"vbd": "blkback", "vif": "netback"}


def build():
    """Needs nothing but libc where it runs."""
    PROGRAM.parent.mkdir(exist_ok=True)
    layout.run(["g++-12", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-s", "-o", PROGRAM,
                *sorted(SOURCES.glob("*.cc")), "-static-libstdc++", "-static-libgcc",
                "-ffunction-sections", "-Wl,--gc-sections", "-Wl,-Bstatic", "-lxengnttab", "-lxenevtchn",
                "-lxenstore", "-lxentoollog", "-lxentoolcore", "-Wl,-Bdynamic"], timeout=120)


class Hand:
    """One device of a guest and the program that plays its frontend; see main.cc for the commands."""

    def __init__(self, guest, kind, number):
        self.guest = guest
        self.kind = kind
        self.node = f"{kind}-{guest.domid}-{number}"
        self._line = f"{INSIDE} {kind} {number}"

    @classmethod
    def disk(cls, guest, vdev):
        return cls(guest, "vbd", devices.device_id(vdev))

    @classmethod
    def nic(cls, guest, devid=0):
        return cls(guest, "vif", devid)

    def run(self, commands):
        """Fails when the program found anything but what the commands say."""
        self.guest.run(f"{self._line} {commands}", timeout=30)

    def kill_after(self, commands, word):
        """Starts the commands, and kills the program once it has said the word."""
        self.guest.run(f"{self._line} {commands} >/tmp/said 2>&1 & hand=$!\n"
                       f"for n in $(seq 300); do grep -q {word} /tmp/said && break; sleep 0.1; done\n"
                       f"kill -9 $hand; wait $hand; grep -q {word} /tmp/said && exit 0\n"
                       "cat /tmp/said >&2; exit 1", timeout=40)

    def back(self):
        """What the backend says of the device: the lines of its debugfs file."""
        return self.guest.dom0.run(
            f"cat /sys/kernel/debug/xenpv/{self.node}/{BACKS[self.kind]}").out.splitlines()


def install(guest):
    """The program and what it needs, in the guest; returns the modules to unload."""
    build()
    for module in MODULES:
        guest.load(module)
    guest.put(PROGRAM, INSIDE)
    guest.run(f"chmod +x {INSIDE}")
    return MODULES


class Place:
    """A guest with devices and without their drivers; the last one made serves as long as the guest lives.

    equip(guest, undo) loads the backend, attaches the devices and says how to undo that.
    """

    def __init__(self, equip):
        self._equip = equip
        self.guest = self.held = self.channels = None
        self.undo = contextlib.ExitStack()

    def prepare(self, guest):
        if self.guest is guest:
            return
        self.clear()
        with contextlib.ExitStack() as undo:
            undo.callback(guest.unload, *install(guest))
            self._equip(guest, undo)
            self.held, self.channels = guest.counts(), channels(guest.dom0)
            self.undo, self.guest = undo.pop_all(), guest

    def clear(self):
        undo, self.undo, self.guest = self.undo, contextlib.ExitStack(), None
        undo.close()

    @contextlib.contextmanager
    def tried(self, hand, good):
        """Whatever was done to the backend, an orderly frontend works on it, and nothing is left over at either end."""
        dom0 = hand.guest.dom0
        began = dom0.now()
        yield hand
        hand.run(good)
        assert hand.back()[0] == "state closed"
        counters.await_baseline(hand.guest, self.held)
        assert channels(hand.guest.dom0) <= self.channels
        # A backend says ten things about a device in five seconds; where a test takes no time it must still say them.
        if (short := 1 - (dom0.now() - began)) > 0:
            dom0.run(f"sleep {short:.2f}")


def channels(dom0):
    """Open event channels of dom0."""
    return int(dom0.run("lsevtchn 0 | wc -l").out)


class Said:
    """What is on the console of dom0 from here on."""

    def __init__(self, machine):
        self.dom0 = machine.dom0
        self.log = machine.dir / "xen.log"
        self.start = self.log.stat().st_size

    def lines(self):
        return self.log.read_bytes()[self.start:].decode(errors="replace").splitlines()

    def has(self, text):
        deadline = self.dom0.now() + 5
        while not any(text in line for line in self.lines()) and self.dom0.now() < deadline:
            time.sleep(0.1)
        if any(text in line for line in self.lines()):
            return
        pytest.fail("\n".join([f"{text!r} is not in what dom0 said:", *self.lines()]))

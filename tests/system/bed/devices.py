# SPDX-License-Identifier: GPL-2.0-only
"""Virtual disks: how they are written down, attached, waited for and detached."""

from dataclasses import dataclass

from . import xenbus
from .layout import BedError
from .xenbus import CONNECTED


@dataclass(frozen=True)
class Disk:
    """One virtual disk; str() is xl's notation."""

    target: str
    vdev: str
    backend: str
    writable: bool
    server: str

    def __str__(self):
        access = "rw" if self.writable else "ro"
        server = f"backend={self.server}," if self.server else ""
        return f"format=raw,vdev={self.vdev},access={access},backendtype={self.backend},{server}target={self.target}"


def disk(target, vdev, backend="phy", writable=True, server=None):
    """backend 'phy' is the blkback module that dom0 has loaded, 'qdisk' is QEMU. server: the name of a driver domain
    that takes dom0's place, and has the target."""
    return Disk(target, vdev, backend, writable, server)


def check_names(disks, kind):
    """xl also emulates the first four disks of an HVM guest, whatever their names: refuse the ambiguity."""
    for one in disks:
        if kind == "hvm" and one.vdev in ("xvda", "xvdb", "xvdc", "xvdd"):
            raise BedError(f"{one.vdev} of an HVM guest would be emulated too: use xvde or later, or hdX")
        if kind != "hvm" and one.vdev.startswith("hd"):
            raise BedError(f"{one.vdev}: only an HVM guest has emulated disks")


def device_id(vdev):
    """The number by which xenstore knows a disk (Xen's vbd-interface document)."""
    index = ord(vdev[-1]) - ord("a")
    if vdev.startswith("xvd"):
        return (202 << 8) | (index << 4) if index < 16 else (1 << 28) | (index << 8)
    if vdev.startswith("hd") and index < 4:
        return ((3, 22)[index // 2] << 8) | ((index % 2) << 6)
    raise BedError(f"disk name {vdev!r}: known are xvda..xvdz and hda..hdd")


def frontend(guest, vdev):
    """Xenstore path of the frontend."""
    return f"/local/domain/{guest.domid}/device/vbd/{device_id(vdev)}"


def backend(guest, vdev):
    """Xenstore path of the backend, or None when there is no such disk."""
    return xenbus.backend(guest.dom0, frontend(guest, vdev))


def states(guest, vdev):
    """(frontend state, backend state) as xenstore has them, None for what is not there."""
    return xenbus.states(guest.dom0, frontend(guest, vdev))


def await_states(guest, vdev, wanted, timeout=20):
    """Waits until (frontend, backend) are as wanted."""
    xenbus.await_states(guest.dom0, frontend(guest, vdev), wanted, f"{guest.name} {vdev}", timeout)


def attach(guest, one, by="bed"):
    """Attaches a disk to a running guest; a loaded frontend connects by itself, see await_connected().

    by 'xl': with Xen's hotplug scripts, which take twenty times as long; what a driver domain serves always is.
    """
    if by == "xl" or one.server:
        guest.dom0.run(f"xl block-attach {guest.domid} '{one}'", timeout=30)
    else:
        guest.dom0.call("attach_disk", 10, domid=guest.domid, devid=device_id(one.vdev), vdev=one.vdev,
                        target=one.target, backend=one.backend, writable=one.writable)


def await_connected(guest, vdev, timeout=20):
    """Waits until both ends are connected and the guest has the block device; returns its path."""
    await_states(guest, vdev, (CONNECTED, CONNECTED), timeout)
    guest.wait("block", f"/dev/{vdev}")
    return f"/dev/{vdev}"


def detach(guest, vdev, force=False, by="bed"):
    """Detaches a disk and waits until the backend has gone."""
    path = backend(guest, vdev)
    if path is None:
        raise BedError(f"{guest.name} has no disk {vdev}")
    if by == "xl" or not path.startswith(xenbus.DOM0):
        option = "--force" if force else ""
        guest.dom0.run(f"xl block-detach {option} {guest.domid} {device_id(vdev)}", timeout=40)
        xenbus.await_gone(guest.dom0, path, f"{guest.name} {vdev}")
    else:
        xenbus.detach(guest, "vbd", device_id(vdev), path, force)
    if not force and guest.answers():
        guest.wait("gone", f"/sys/devices/vbd-{device_id(vdev)}")

# SPDX-License-Identifier: GPL-2.0-only
"""Brings the modules under test into a guest that has others, by a disk: a console would take ten times as long.

A guest that was made after them has them in its initramfs; others were there before, or were restored from a snapshot.
"""

import hashlib

from . import devices
from .domain import modules_of

DISK = "xvdw"
ARCHIVE = "/dev/shm/modules.tar"  # in dom0
STAMP = ".stamp"  # beside the modules in a guest
FRONTENDS = ("xen_blkfront", "xenpv_blkfront")


def stamp_of(folder):
    """Tells whether the modules in a folder are the same."""
    digest = hashlib.sha256()
    for module in sorted(folder.glob("*.ko")):
        digest.update(module.name.encode() + hashlib.sha256(module.read_bytes()).digest())
    return digest.hexdigest()


def refresh_modules(guest):
    """Makes the modules in the guest those of share, unless they are."""
    folder = modules_of(guest.kernel)
    wanted = stamp_of(guest.share / folder)
    if guest.modules != wanted:
        if guest.ask("read", f"{guest.modules_at}/{STAMP}", check=False).out != wanted:
            _carry(guest, folder)
            guest.write(f"{guest.modules_at}/{STAMP}", wanted)
        guest.modules = wanted


def _carry(guest, folder):
    """Through QEMU's backend and, unless a frontend is loaded, the kernel's own, which goes again."""
    archive = f"{ARCHIVE}.{guest.domid}"
    guest.dom0.run(f"tar -cf {archive} -C /host/{folder} .")
    loaded = [] if any(guest.loaded(name) for name in FRONTENDS) else guest.load(FRONTENDS[0])
    guest.attach(devices.disk(archive, DISK, "qdisk"))
    disk = devices.await_connected(guest, DISK)
    guest.run(f"rm -f {guest.modules_at}/*.ko && tar -xf {disk} -C {guest.modules_at}")
    guest.detach(DISK)
    guest.unload(*loaded)
    guest.dom0.run(f"rm {archive}")

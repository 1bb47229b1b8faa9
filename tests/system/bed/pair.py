# SPDX-License-Identifier: GPL-2.0-only
"""A disk of a guest, served by a chosen backend and driven by a chosen frontend, for a while."""

import contextlib

from . import devices


@contextlib.contextmanager
def served(guest, front="xen-blkfront", back="xen-blkback", target="/dev/ram0", vdev="xvde"):
    """Yields the path of the block device in the guest; leaves modules and devices as they were.

    back 'qdisk' is QEMU's backend, which needs no module.
    """
    with contextlib.ExitStack() as undo:
        if back != "qdisk" and not guest.dom0.loaded(back):
            undo.callback(guest.dom0.unload, *guest.dom0.load(back))
        if not guest.loaded(front):
            undo.callback(guest.unload, *guest.load(front))
        guest.attach(devices.disk(target, vdev, "qdisk" if back == "qdisk" else "phy"))
        undo.callback(guest.detach, vdev)
        yield devices.await_connected(guest, vdev)

# SPDX-License-Identifier: GPL-2.0-only
"""What a domain holds, told by the hypervisor: a leak shows whatever the driver believes of itself."""

import time
from dataclasses import asdict, dataclass

from .layout import BedError


@dataclass(frozen=True)
class Counts:
    """frames: of the grant table, never shrinks.  granted: entries in use.  used: those a peer maps or copies
    at this moment.  evtchn: open event channels."""

    frames: int
    granted: int
    used: int
    evtchn: int


def read(dom0, domid):
    told = dom0.call("count", domid=domid)
    words = told.split()
    if words[:1] != ["frames"]:
        raise BedError(f"xencount: {told}")
    return Counts(**{name: int(value) for name, value in zip(words[::2], words[1::2])})


def await_baseline(guest, baseline, timeout=5):
    """Waits until a guest holds no more than at baseline; BedError says what it kept."""
    deadline = guest.dom0.now() + timeout * guest.dom0.factor
    while True:
        now = guest.counts()
        kept = {name: value - getattr(baseline, name) for name, value in asdict(now).items()
                if name != "frames" and value > getattr(baseline, name)}
        if not kept:
            return now
        if guest.dom0.now() > deadline:
            raise BedError(f"guest {guest.name} leaks {kept}: {baseline} became {now}")
        time.sleep(0.5)

# SPDX-License-Identifier: GPL-2.0-only
"""What any PV device has in xenstore, whatever its kind: a frontend, its backend, and the state of each."""

import time

from .layout import BedError

CONNECTED, CLOSED = "4", "6"


def backend(dom0, frontend):
    """Xenstore path of a frontend's backend, or None when there is no such device."""
    return dom0.xenstore(f"{frontend}/backend")


def states(dom0, frontend):
    """(frontend state, backend state) as xenstore has them, None for what is not there."""
    path = backend(dom0, frontend)
    return dom0.xenstore(f"{frontend}/state"), dom0.xenstore(f"{path}/state") if path else None


def await_states(dom0, frontend, wanted, who, timeout=20):
    """Waits until (frontend, backend) are as wanted."""
    deadline = dom0.now() + timeout * dom0.factor
    while (seen := states(dom0, frontend)) != wanted:
        if dom0.now() > deadline:
            raise BedError(f"{who}: states (frontend, backend) are {seen}, wanted {wanted}")
        time.sleep(0.2)


def await_gone(dom0, path, who, timeout=10):
    """Waits until a backend's directory has left xenstore."""
    deadline = dom0.now() + timeout * dom0.factor
    while dom0.xenstore(f"{path}/state") is not None:
        if dom0.now() > deadline:
            raise BedError(f"{who}: the backend is still there after the detach")
        time.sleep(0.2)

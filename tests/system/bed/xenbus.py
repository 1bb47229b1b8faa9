# SPDX-License-Identifier: GPL-2.0-only
"""What any PV device has in xenstore, whatever its kind: a frontend, its backend, and the state of each.

Waiting is done in dom0, by xenstore's own watches.
"""

from .layout import BedError

CONNECTED, CLOSED = "4", "6"
DOM0 = "/local/domain/0/"


def backend(dom0, frontend):
    """Xenstore path of a frontend's backend, or None when there is no such device."""
    return dom0.xenstore(f"{frontend}/backend")


def states(dom0, frontend):
    """(frontend state, backend state) as xenstore has them, None for what is not there."""
    return tuple(dom0.call("states", front=frontend))


def await_states(dom0, frontend, wanted, who, timeout=20):
    """Waits until (frontend, backend) are as wanted."""
    seen = tuple(dom0.call("await_states", timeout, front=frontend, wanted=wanted))
    if seen != wanted:
        raise BedError(f"{who}: states (frontend, backend) are {seen}, wanted {wanted}")


def await_gone(dom0, path, who, timeout=10):
    """Waits until a backend's directory has left xenstore."""
    if not dom0.call("await_gone", timeout, path=f"{path}/state"):
        raise BedError(f"{who}: the backend is still there after the detach")


def detach(guest, kind, devid, path, force=False, timeout=10):
    """Detaches a device whose backend, at path, is dom0's; that has gone then."""
    assert path.startswith(DOM0)
    guest.dom0.call("detach", timeout, domid=guest.domid, kind=kind, devid=devid, force=force)

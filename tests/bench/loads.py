# SPDX-License-Identifier: GPL-2.0-only
"""What else the machine does while it is measured: nothing, busy processes in dom0, or a guest that computes."""

import contextlib

from bed.layout import BedError

LOADS = {"none": "nothing else runs",
         "dom0": "two busy processes in dom0",
         "guest": "another guest computes, with as many virtual CPUs as there are CPUs"}
PROCESSES = 2
GUEST = "demo-load"


@contextlib.contextmanager
def under(load, machine):
    """Has the load run for as long as the block does; one that has ended before is an error, not a quiet machine."""
    with contextlib.ExitStack() as undo:
        if load == "dom0":
            undo.enter_context(_computing(machine.dom0, PROCESSES))
        elif load == "guest":
            cpus = int(machine.dom0.run("xl info nr_cpus").out)
            guest = machine.create_guest(GUEST, kind="pvh", vcpus=cpus)
            undo.callback(guest.destroy)
            undo.enter_context(_computing(guest, cpus))
        yield


@contextlib.contextmanager
def _computing(domain, processes):
    """So many processes that never wait."""
    pids = domain.run(f"for n in $(seq {processes}); do (while :; do :; done) </dev/null >/dev/null 2>&1 & echo $!; "
                      "done").out.split()
    try:
        yield
    except BaseException:
        domain.run(f"kill {' '.join(pids)}", check=False)
        raise
    if domain.run(f"kill {' '.join(pids)}", check=False).rc:
        raise BedError(f"the load, processes {' '.join(pids)}, had ended before what was measured under it")

# SPDX-License-Identifier: GPL-2.0-only
"""The most that a driver could reach: the same jobs in dom0 itself, on the same ramdisk and over the same bridge."""

import contextlib
import shlex

from bed import nics
from bed.pair import Link

DEVICE = "dom0"
SPACE, FRONT, BACK = "ceiling", "eth0", "ceiling0"
IP4, IP6 = "10.77.0.253", "fd77::fd"  # above those of guests


class Namespace:
    """A network of its own in dom0: what is in a guest's place at the far end of a link."""

    def __init__(self, dom0):
        self.dom0 = dom0

    def run(self, command, **options):
        return self.dom0.run(f"ip netns exec {SPACE} bash -c {shlex.quote(command)}", **options)


@contextlib.contextmanager
def link(dom0):
    """A link from a namespace through dom0's bridge to dom0: no guest, no grant, no copy between domains."""
    with contextlib.ExitStack() as undo:
        dom0.run(f"modprobe veth && ip netns add {SPACE}")
        undo.callback(dom0.run, f"ip netns delete {SPACE}", check=False)
        dom0.run(f"ip link add {BACK} type veth peer name {FRONT} netns {SPACE}")
        undo.callback(dom0.run, f"ip link delete {BACK}", check=False)
        dom0.run(f"ip link set {BACK} master {nics.BRIDGE} && ip link set {BACK} up && "
                 f"ip -n {SPACE} link set lo up && ip -n {SPACE} address add {IP4}/24 dev {FRONT} && "
                 f"ip -n {SPACE} address add {IP6}/64 dev {FRONT} nodad && ip -n {SPACE} link set {FRONT} up")
        yield Link(Namespace(dom0), None, FRONT, BACK, IP4, IP6)

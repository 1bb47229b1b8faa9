# SPDX-License-Identifier: GPL-2.0-only
"""What administrators do to NICs on real Xen, under load: other numbers of queues, other drivers, at either end."""

import contextlib
import time

import pytest

from bed import nics, traffic
from bed.pair import networked

OUR_FRONT, OUR_BACK = "xenpv_netfront", "xenpv_netback"
MIB = 1 << 20


@contextlib.contextmanager
def linked(guest, front, back, queues):
    """A link whose backend offers so many queues, though dom0 here has one CPU."""
    with contextlib.ExitStack() as undo:
        undo.callback(guest.dom0.unload, *guest.dom0.load(back, max_queues=queues))
        link = undo.enter_context(networked(guest, front, back))
        traffic.serve(guest.dom0)
        yield link


@contextlib.contextmanager
def load(link):
    """TCP both ways, as long as it lives; it need not survive."""
    traffic.start_load(link)
    try:
        yield
    finally:
        traffic.end_load(link, check=False)


def works(link):
    # One echo may be lost to what the change cut short; two are a link that is down.
    link.guest.run(f"ping -c 1 -W 5 {link.dom0_ip4} || ping -c 1 -W 5 {link.dom0_ip4}")
    traffic.tcp(link.guest, link.dom0_ip4, "both", MIB)


def queues_of(link):
    return link.guest.dom0.xenstore(f"{nics.frontend(link.guest, link.devid)}/multi-queue-num-queues")


def await_queues(link, wanted):
    dom0 = link.guest.dom0
    deadline = dom0.now() + 10 * dom0.factor
    while queues_of(link) != wanted or nics.states(link.guest, link.devid) != ("4", "4"):
        assert dom0.now() < deadline, f"{queues_of(link)} queues, wanted {wanted}"
        time.sleep(0.2)


@pytest.mark.parametrize("front,back", [
    (OUR_FRONT, OUR_BACK), ("xen-netfront", OUR_BACK), (OUR_FRONT, "xen-netback"),
], ids=["ours", "intree-front", "intree-back"])
def test_two_queues(smp, front, back):
    with linked(smp, front, back, 2) as link:
        assert queues_of(link) == "2"
        works(link)
        for port in range(4):  # other flows, other queues
            traffic.udp(smp, link.dom0_ip4, [1, 1400 + port, 20000])


@pytest.mark.parametrize("back", [OUR_BACK, "xen-netback"], ids=["ours", "intree-back"])
def test_number_of_queues_changes_under_load(smp, back):
    with linked(smp, OUR_FRONT, back, 4) as link:
        assert queues_of(link) == "2"  # one for each CPU of the guest
        with load(link):
            for wanted in ("4", "1", "2"):
                smp.run(f"ethtool -L {link.front} combined {wanted}")
                await_queues(link, wanted)
                nics.await_connected(smp, link.devid)
                works(link)


@pytest.mark.parametrize("back", [OUR_BACK, "xen-netback"], ids=["ours", "intree-back"])
def test_frontend_reload_under_load(smp, back):
    with linked(smp, OUR_FRONT, back, 1) as link, load(link):
        smp.run(f"echo vif-{link.devid} >/sys/bus/xen/drivers/{OUR_FRONT}/unbind", timeout=30)
        assert smp.run(f"test -e /sys/class/net/{link.front}", check=False).rc
        smp.run(f"rmmod {OUR_FRONT}")
        smp.load(OUR_FRONT)
        nics.configure(smp, nics.await_connected(smp, link.devid), link.devid)
        works(link)


def put_on_bridge(dom0, netdev):
    """What the toolstack's script did for the interface before."""
    dom0.run(f"for n in $(seq 50); do test -e /sys/class/net/{netdev} && break; sleep 0.1; done; "
             f"ip link set {netdev} master {nics.BRIDGE} && ip link set {netdev} up")


@pytest.mark.parametrize("front", [OUR_FRONT, "xen-netfront"], ids=["ours", "intree-front"])
def test_backend_reload_under_load(smp, front):
    """The live rings are taken over; the new interface is put where the old one was."""
    dom0 = smp.dom0
    with linked(smp, front, OUR_BACK, 1) as link, load(link):
        node = f"vif-{smp.domid}-{link.devid}"
        dom0.run(f"echo {node} >/sys/bus/xen-backend/drivers/{OUR_BACK}/unbind", timeout=30)
        dom0.run(f"rmmod {OUR_BACK}")
        dom0.load(OUR_BACK)
        put_on_bridge(dom0, link.back)
        nics.await_states(smp, link.devid, ("4", "4"))
        assert dom0.run(f"head -n 1 /sys/kernel/debug/xenpv/{node}/netback").out.strip() == "state connected"
        works(link)


def await_in(domain, command, wanted, seconds=20):
    """Waits until a command prints that."""
    dom0 = getattr(domain, "dom0", domain)
    deadline = dom0.now() + seconds * dom0.factor
    while (seen := domain.run(command, check=False).out.strip()) != wanted:
        assert dom0.now() < deadline, f"{command}: {seen!r}, wanted {wanted!r}"
        time.sleep(0.5)


@pytest.mark.parametrize("back", [OUR_BACK, "xen-netback"], ids=["ours", "intree-back"])
def test_complete_checksums_on_demand(smp, back):
    """ethtool -K rx off: every packet comes with its checksum filled in, and none to be segmented."""
    with linked(smp, OUR_FRONT, back, 1) as link:
        def receive():
            for address in (link.dom0_ip4, link.dom0_ip6):
                traffic.tcp(smp, address, "down", MIB)
                traffic.udp(smp, address, [1, 64, 1000, 1400])

        nics.set_features(smp, link.front, gro=False)
        for blank_welcome in (True, False, True):
            nics.set_features(smp, link.front, rx=blank_welcome)
            await_in(smp.dom0, f"xenstore-read {nics.frontend(smp, link.devid)}/feature-no-csum-offload",
                     "0" if blank_welcome else "1")
            nics.await_connected(smp, link.devid)
            seen = traffic.watch_wire(smp, link.front, receive)
            assert seen["bad"] == 0 and (seen["blank"] > 0) == blank_welcome, seen
            assert blank_welcome or (seen["good"] > 0 and seen["longest"] <= 1514), seen
            works(link)


class Kernel:
    """What a guest's kernel says from here on."""

    def __init__(self, guest):
        self.guest, self.mark = guest, f"bed: mark {time.monotonic_ns()}"
        guest.run(f"echo '{self.mark}' >/dev/kmsg")

    def said(self, words):
        """The lines with these words."""
        lines = self.guest.run(f"dmesg | sed '1,/{self.mark}/d'").out.splitlines()
        return [line for line in lines if words in line]


@contextlib.contextmanager
def flood(link):
    """Packets that wait for nobody's answer: a TCP that hears nothing soon sends nothing."""
    link.guest.run(f"(while sleep 0.1; do for n in $(seq 20); do echo >/dev/udp/{link.dom0_ip4}/9; done; done) "
                   ">/dev/null 2>&1 & echo $! >/tmp/flood")
    try:
        yield
    finally:
        link.guest.run("kill $(cat /tmp/flood)")


def test_a_backend_that_stops_answering(smp):
    """A rate next to nothing is how ours does that: the link goes down, and up again when the rate is raised."""
    kernel = Kernel(smp)
    with linked(smp, OUR_FRONT, OUR_BACK, 1) as link:
        rate = f"{nics.backend(smp, link.devid)}/rate"
        carrier = f"cat /sys/class/net/{link.front}/carrier"
        # So little that no packet more passes, however small, in the ten seconds that make a stall.
        smp.dom0.run(f"xenstore-write {rate} 1,1000000")
        with flood(link):
            await_in(smp, carrier, "0", seconds=60)
            said = kernel.said("has answered none of")
            assert len(said) == 1 and f"vif-{link.devid}" in said[0] and "link down" in said[0], said
            assert not kernel.said("answers again")
            smp.dom0.run(f"xenstore-rm {rate}")
            await_in(smp, carrier, "1")
        works(link)
        assert len(kernel.said("answers again")) == 1


@pytest.mark.parametrize("front", [OUR_FRONT, "xen-netfront"], ids=["ours", "intree-front"])
def test_takeover_from_the_intree_backend(smp, front):
    """The frontend's rings and its place on the bridge are the same; the driver that serves them is ours now."""
    dom0 = smp.dom0
    with contextlib.ExitStack() as modules, contextlib.ExitStack() as undo:
        in_tree = dom0.load("xen-netback", max_queues=1)
        link = undo.enter_context(networked(smp, front, "xen-netback"))
        traffic.serve(dom0)
        with load(link):
            node = f"vif-{smp.domid}-{link.devid}"
            dom0.run(f"echo {node} >/sys/bus/xen-backend/drivers/vif/unbind", timeout=30)
            dom0.unload(*in_tree)
            modules.callback(dom0.unload, *dom0.load(OUR_BACK))
            put_on_bridge(dom0, link.back)
            nics.await_states(smp, link.devid, ("4", "4"))
            await_in(dom0, f"head -n 1 /sys/kernel/debug/xenpv/{node}/netback", "state connected")
        works(link)

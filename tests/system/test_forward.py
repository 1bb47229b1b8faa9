# SPDX-License-Identifier: GPL-2.0-only
"""From guest to guest through dom0 on real Xen: what is copied how often, and what becomes of packets dom0 holds."""

import time
from contextlib import contextmanager

import pytest

from bed import counters, nics, traffic
from bed.pair import networked

OUR_FRONT, OUR_BACK = "xenpv_netfront", "xenpv_netback"
MIB = 1 << 20
LARGE_MTU = 65000
DATAGRAM = 60000
PATIENCE = 9  # seconds, of the backend's ten with a guest that takes nothing
# On a slow machine TCP sends packets so small that copying them is right, or lets so many wait that the rest is copied.
LARGE_PACKETS = {"tcp_min_tso_segs": "32", "tcp_wmem": "4096 65536 393216"}


@pytest.fixture
def pair(pvh, bed):
    """Two guests with a link each, on one bridge; at the end both hold what they held before."""
    second = bed.guests.get("second")
    if not (second and second.answers()):
        second = bed.create_guest("second", memory=256)
    before = pvh.counts(), second.counts()
    with networked(pvh, OUR_FRONT, OUR_BACK) as a, networked(second, OUR_FRONT, OUR_BACK) as b:
        traffic.serve(second)
        traffic.serve(pvh.dom0)
        yield a, b
    counters.await_baseline(pvh, before[0])
    counters.await_baseline(second, before[1])


def seen(link):
    """What ethtool shows of dom0's end, over all queues."""
    found = {}
    for line in link.guest.dom0.run(f"ethtool -S {link.back}").out.splitlines()[1:]:
        name, _, value = line.strip().partition(": ")
        name = name.partition("_")[2]
        found[name] = found.get(name, 0) + int(value)
    return found


def growth(link, action):
    before = seen(link)
    action()
    return {name: value - before[name] for name, value in seen(link).items()}


def grants(link):
    """Of the guest's frames, mapped in dom0 now."""
    return int(link.guest.dom0.run(f"awk '$1 == \"mapped\" {{ print $2 }}' /sys/kernel/debug/xenpv/vif-"
                                   f"{link.guest.domid}-{link.devid}/grants").out)


def await_value(read, wanted, what, dom0, seconds=5):
    deadline = dom0.now() + seconds * dom0.factor
    while (value := read()) != wanted:
        assert dom0.now() < deadline, f"{what}: {value}, wanted {wanted}"
        time.sleep(0.2)


@contextmanager
def settings(guest, wanted):
    """Of a guest's TCP, for as long as this lasts."""
    were = {name: guest.run(f"cat /proc/sys/net/ipv4/{name}").out for name in wanted}

    def write(values):
        guest.run("\n".join(f"echo {value} >/proc/sys/net/ipv4/{name}" for name, value in values.items()))

    write(wanted)
    try:
        yield
    finally:
        write(were)


def test_payload_is_copied_once(pair):
    """Between guests, the sender's bytes are mapped but for headers and what is small; to dom0, they are copied."""
    a, b = pair
    size = 24 * MIB

    def send():
        print(traffic.tcp(a.guest, b.ip4, "up", size))

    with settings(a.guest, LARGE_PACKETS):
        into, out = seen(b), growth(a, send)
    into = {name: value - into[name] for name, value in seen(b).items()}
    print("sender", out, "receiver", into)
    assert out["from_guest_bytes"] >= size and into["to_guest_bytes"] >= size
    assert out["from_guest_mapped"] > 0
    assert out["from_guest_copied_bytes"] < out["from_guest_bytes"] / 2, "most of it was copied into dom0"
    assert out["from_guest_map_in_vain"] <= 2
    assert out["map_operations"] == out["unmap_operations"]
    await_value(lambda: seen(a)["from_guest_held"], 0, "packets held", a.guest.dom0)
    assert grants(a) == 0
    traffic.tcp(a.guest, b.ip6, "both", 4 * MIB)

    local = growth(a, lambda: print(traffic.tcp(a.guest, a.dom0_ip4, "up", size)))
    print("to dom0", local)
    assert local["from_guest_mapped"] * 32 <= local["from_guest_packets"], "mapped though dom0 copies it"
    assert local["from_guest_copied_bytes"] > 0.9 * local["from_guest_bytes"]
    traffic.tcp(a.guest, b.ip4, "both", 4 * MIB)
    await_value(lambda: seen(a)["from_guest_held"], 0, "packets held", a.guest.dom0)


def test_sender_goes_while_dom0_holds_its_packets(pair):
    """The receiver stands still, so that dom0 holds what is for it; the sender is detached meanwhile, gets all its
    frames back, and the packets come out as they were sent."""
    a, b = pair
    dom0 = a.guest.dom0
    for link in pair:
        nics.set_mtu(link.guest, link.front, LARGE_MTU)
    # The checksum is the sender's, over the whole datagram; the receiver's driver looks at nothing.
    nics.set_features(a.guest, a.front, tx=False)
    nics.set_features(b.guest, b.front, gro=False)
    users = dom0.run("cat /sys/module/xenpv_kapi/refcnt").out
    idle = a.guest.counts()
    try:
        b.guest.run(f"iperf3 -s -D; netprobe wire {b.front} 300 >/tmp/wire 2>&1 & echo $! >/tmp/wire.pid")
        a.guest.run(f"iperf3 -6 -c {b.ip6} -u -b 200M -l {DATAGRAM} -t 300 >/dev/null 2>&1 & sleep 3; pidof iperf3")
        assert seen(a)["from_guest_mapped"] > 0
        paused = dom0.now()
        dom0.run(f"xl pause {b.guest.domid}")
        try:
            dom0.run("sleep 1")
            held, before = seen(a), seen(b)
            print("held", held["from_guest_held"], "of", held, "mapped", grants(a))
            assert held["from_guest_held"] > 0 and grants(a) > 0
            began = dom0.now()
            nics.detach(a.guest, a.devid)
            took = dom0.now() - began
            print(f"detached in {took:.1f} s")
            assert took < 2 + 3 * dom0.factor
            used = a.guest.counts().used
            assert used <= idle.used, f"dom0 still maps {used} frames of the sender's"
        finally:
            dom0.run(f"xl unpause {b.guest.domid}")
        # What waits for longer than a backend does it drops, as it may where all this takes so long.
        ways = ["to_guest_packets"] + ["to_guest_dropped"] * (dom0.now() - paused > PATIENCE)

        def came_out():
            now = seen(b)
            return sum(now[name] - before[name] for name in ways)

        await_value(lambda: came_out() >= held["from_guest_held"], True, "what was held came out", dom0, seconds=10)
        after = seen(b)
        print("receiver", {name: after[name] - before[name] for name in after if after[name] != before[name]})
        assert after["to_guest_errors"] == before["to_guest_errors"]
        wire = b.guest.run("kill $(cat /tmp/wire.pid); sleep 1; cat /tmp/wire").out.split()
        wire = dict(zip(wire[::2], map(int, wire[1::2])))
        print(wire)
        assert wire["good"] > 0 and wire["bad"] == 0 and wire["longest"] > DATAGRAM
        # What was left of the sender is given back.
        await_value(lambda: dom0.run("cat /sys/module/xenpv_kapi/refcnt").out, users, "users of xenpv_kapi", dom0)
    finally:
        for link in pair:
            link.guest.run("killall -KILL iperf3 netprobe", check=False)
        if nics.backend(a.guest, a.devid) is None:
            nics.attach(a.guest, a.devid)
            nics.configure(a.guest, nics.await_connected(a.guest, a.devid), a.devid)
        nics.set_features(b.guest, b.front, gro=True)
        for link in pair:
            nics.set_mtu(link.guest, link.front, 1500)
    traffic.serve(b.guest)
    traffic.tcp(a.guest, b.ip4, "both", MIB)

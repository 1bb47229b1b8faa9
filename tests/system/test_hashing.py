# SPDX-License-Identifier: GPL-2.0-only
"""Our network backend's control ring against a frontend played by hand: no frontend of Linux has one.

Each packet that arrives is held to the public header: its hash over its own bytes, and its queue by the guest's table.
"""

import contextlib

import handfront
from bed import nics

BACK = "xenpv_netback"
FLOWS = "/tmp/flows.py"  # in dom0
ROUNDS, KINDS = 20, 7  # of flows.py, and packets in each


@contextlib.contextmanager
def without_driver(guest):
    """A NIC served by our backend, of a guest without a frontend. The program leaves it closed."""
    nics.check_alone(guest.dom0, BACK, nics.BACKENDS)
    assert not any(guest.loaded(front) for front in nics.FRONTENDS)
    with contextlib.ExitStack() as undo:
        if not guest.dom0.loaded(BACK):
            undo.callback(guest.dom0.unload, *guest.dom0.load(BACK))
        undo.callback(guest.unload, *handfront.install(guest))
        guest.dom0.put(handfront.SOURCES / "flows.py", FLOWS)
        nics.attach(guest)
        undo.callback(nics.detach, guest)
        yield nics.back_netdev(guest)


def receive(guest, queues, senders):
    """Plays the frontend while dom0 runs flows.py for each of the senders: 'INTERFACE [bypass]'.

    Returns what the program said, as {word: number}; it fails when a packet's hash or queue is not what it has to be.
    """
    packets = len(senders) * ROUNDS * KINDS
    guest.run(f"{handfront.INSIDE} vif 0 hashing {queues} {packets} close >/tmp/said 2>&1 & echo $! >/tmp/hand\n"
              "for n in $(seq 300); do grep -q ready /tmp/said && exit 0; kill -0 $! || break; sleep 0.1; done\n"
              "cat /tmp/said >&2; exit 1", timeout=40)
    guest.dom0.run(f"ip link set {nics.back_netdev(guest)} up")
    for sender in senders:
        interface, *options = sender.split()
        guest.dom0.run(f"/usr/bin/python3 {FLOWS} {interface} {ROUNDS} {' '.join(options)}", timeout=30)
    said = guest.run("for n in $(seq 900); do kill -0 $(cat /tmp/hand) 2>/dev/null || break; sleep 0.1; done\n"
                     "cat /tmp/said", timeout=100).out
    words = said.replace("ready", "").split()
    assert words[:1] == ["ipv4"], said
    return {name: int(value) for name, value in zip(words[::2], words[1::2])}


def shown(dom0, guest):
    """What is not a queue's own in the backend's file, as {name: text}."""
    text = dom0.run(f"cat /sys/kernel/debug/xenpv/vif-{guest.domid}-0/netback").out
    return dict(line.partition(" ")[::2] for line in text.splitlines() if not line.startswith(("  ", "queue ")))


def test_packets_are_hashed_and_steered(leakless):
    """On one queue, and on three; from the bridge, to the interface itself, and past its queueing discipline."""
    guest, dom0 = leakless, leakless.dom0
    with without_driver(guest) as back:
        for queues in (3, 1):
            senders = [nics.BRIDGE, back, f"{back} bypass"]
            seen = receive(guest, queues, senders)
            print(queues, seen)
            each = ROUNDS * len(senders)
            kinds = {"ipv4": 3 * each, "ipv4_tcp": each, "ipv6": each, "ipv6_tcp": each, "other": each}
            assert {name: seen[name] for name in kinds} == kinds
            assert all(seen[f"queue{number}"] > each for number in range(queues)), "one queue had next to nothing"
            state = shown(dom0, guest)
            print(state)
            # The guest has gone: so have its wishes, and the count of them stays.
            assert state["hash_algorithm"] == "none"
            assert state["control_refused"] == "0"
        assert int(state["control_requests"]) == 2 * 7
        assert int(state["control_copy_operations"]) == 2 * 2

# SPDX-License-Identifier: GPL-2.0-only
"""ethtool -C on real Xen: how many events our frontend takes for packets that come one by one."""

import contextlib
import time

from bed import nics, traffic
from test_network_life import OUR_BACK, OUR_FRONT, linked, works

DISCARD = 9  # a port that nobody listens at
GROUP = "239.77.0.9"  # whom nobody tells that nobody listens


def test_what_is_asked_for_is_shown_or_refused(smp):
    with linked(smp, OUR_FRONT, OUR_BACK, 1) as link:
        for refused in ("rx-usecs 100", "rx-frames 8", "rx-frames 129 rx-usecs 100", "tx-frames 257", "tx-usecs 5",
                        "rx-frames 8 rx-usecs 10001"):
            assert smp.run(f"ethtool -C {link.front} {refused}", check=False).rc, refused
        for words in ("tx-frames 1", "tx-frames 256", "tx-frames 0 rx-frames 64 rx-usecs 2000",
                      "rx-frames 1 rx-usecs 0"):
            smp.run(f"ethtool -C {link.front} {words}")
            shown = smp.run(f"ethtool -c {link.front}").out
            for name, value in zip(words.split()[::2], words.split()[1::2]):
                assert f"{name}:{value}\n" in shown.replace(" ", ""), shown
            works(link)
            traffic.udp(smp, link.dom0_ip4, [1, 1472, 20000])


def counted(link):
    """(packets, events) of our frontend so far, which has one queue and one CPU to take them."""
    lines = link.guest.run(f"cat /sys/kernel/debug/xenpv/vif-{link.devid}/netfront").out.splitlines()
    by_name = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith("  ")}
    return by_name["tx_packets"] + by_name["rx_packets"], by_name["events_received"]


@contextlib.contextmanager
def answered_one_by_one(link):
    """The guest sends as fast as it can, and the backend takes a packet every ten milliseconds."""
    guest, rate = link.guest, f"{nics.backend(link.guest, link.devid)}/rate"
    guest.dom0.run(f"xenstore-write {rate} 1442,10000")
    guest.run(f"ip route add {GROUP} dev {link.front}; "
              f"dd if=/dev/zero bs=1400 >/dev/udp/{GROUP}/{DISCARD} 2>/dev/null & echo $! >/tmp/sender; sleep 1")
    try:
        yield
    finally:
        guest.run("kill $(cat /tmp/sender)")
        guest.dom0.run(f"xenstore-rm {rate}")


def await_packets(link, more):
    """However long the machine takes for them."""
    enough = counted(link)[0] + more
    deadline = link.guest.dom0.now() + 20 * link.guest.dom0.factor
    while (now := counted(link)[0]) < enough:
        assert link.guest.dom0.now() < deadline, f"{enough - now} of {more} packets are missing"
        time.sleep(0.3)


def events_per_packet(link, wanted, meanwhile):
    """Under a setting, while something goes on for a while."""
    link.guest.run(f"ethtool -C {link.front} {wanted}")
    before = counted(link)
    meanwhile()
    packets, events = (now - then for now, then in zip(counted(link), before))
    assert packets > 200, f"only {packets} packets"
    print(f"{wanted}: {events} events, {packets} packets")
    return events / packets


def test_answers_are_told_of_as_asked(smp):
    with linked(smp, OUR_FRONT, OUR_BACK, 1) as link:
        works(link)
        with answered_one_by_one(link):
            each, some, most = (events_per_packet(link, f"tx-frames {n}", lambda: await_packets(link, 250))
                                for n in (1, 16, 256))
        assert each > 0.5 and some < each / 4 and most < each / 4
        works(link)


def test_arrivals_are_told_of_as_asked(smp):
    """Every few milliseconds a packet: its own event, or none while the timer finds them."""
    def send():
        smp.dom0.run("rm -f /tmp/tick; mkfifo /tmp/tick; exec 4<>/tmp/tick; "
                     f"exec 3>/dev/udp/{link.ip4}/{DISCARD}; "
                     "for n in $(seq 400); do echo $n >&3; read -r -t 0.002 -u 4; done 2>/dev/null; true")

    with linked(smp, OUR_FRONT, OUR_BACK, 1) as link:
        works(link)
        each = events_per_packet(link, "rx-frames 1 rx-usecs 0", send)
        few = events_per_packet(link, "rx-frames 64 rx-usecs 10000", send)
        assert each > 0.6 and few < each / 4
        works(link)

# SPDX-License-Identifier: GPL-2.0-only
"""Our netback against a frontend played by hand in a guest: what no driver would do, on either ring and in any key.

The NIC stays attached; each test connects, misbehaves, and then an orderly frontend has to reach the bridge and hear
its answer, with nothing kept in the guest or in dom0.
"""

import shlex

import pytest

from bed import nics
from handfront import Hand, Place, Said

BACK = "xenpv_netback"
GOOD = "connect arp close"
# Flags of a transmit request, statuses of its response (io/netif.h).
CSUM_BLANK, MORE_DATA, EXTRA_INFO = 1, 4, 8
OKAY, ERROR, NULL = 0, -1, 1


def equip(guest, undo):
    if not guest.dom0.loaded(BACK):
        undo.callback(guest.dom0.unload, *guest.dom0.load(BACK))
    nics.attach(guest)
    undo.callback(nics.detach, guest)
    # Closed is how a detach finds nobody that it would have to wait for.
    undo.callback(Hand.nic(guest).run, "start close")


@pytest.fixture(scope="module")
def place():
    place = Place(equip)
    yield place
    place.clear()


@pytest.fixture
def hand(pvh, place):
    place.prepare(pvh)
    with place.tried(Hand.nic(pvh), GOOD) as hand:
        yield hand


@pytest.mark.parametrize("channels", ["", "single "], ids=["split", "single"])
def test_frames_go_both_ways(hand, channels):
    hand.run(f"{channels}connect arp arp ask close")


def test_packet_in_parts(hand):
    """A slot of its own for the headers, parts of pages, and none at all."""
    hand.run(f"connect slot size=3000 flags={MORE_DATA} slot offset=4000 size=96 flags={MORE_DATA} "
             f"slot size=0 flags={MORE_DATA} slot offset=5 size=1000 push answer 4 {OKAY} arp close")


# Odd packets: each slot is answered, extra infos too, and the connection goes on.

GSO = f"slot size=3000 flags={EXTRA_INFO | CSUM_BLANK}"
ODD = [
    ("nothing", f"slot size=0 push answer 1 {ERROR}", "tx packet of 0 bytes"),
    ("short", f"slot size=13 push answer 1 {ERROR}", "tx packet of 13 bytes"),
    ("19-slots", f"slot size=1900 flags={MORE_DATA} {f'slot size=100 flags={MORE_DATA} ' * 17}slot size=100 "
     f"push answer 19 {ERROR}", "tx packet of 19 slots"),
    ("extra-unknown", f"{GSO} extra type=99 push answer 1 {ERROR} answer 1 {NULL}", "extra info of type 99"),
    ("extra-none", f"{GSO} extra type=0 push answer 1 {ERROR} answer 1 {NULL}", "extra info of type 0"),
    ("gso-size-0", f"{GSO} extra size=0 push answer 1 {ERROR} answer 1 {NULL}", "gso size 0"),
    ("gso-size-65535", f"{GSO} extra size=65535 push answer 1 {ERROR} answer 1 {NULL}", "gso size 65535"),
    ("gso-kind", f"{GSO} extra gso=9 push answer 1 {ERROR} answer 1 {NULL}", "type 9"),
]


@pytest.mark.parametrize("commands,said", [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_odd_packet_is_answered(hand, commands, said):
    log = Said(hand.guest.machine)
    hand.run(f"connect arp {commands} arp close")
    log.has(f"queue 0: {said}" if said.startswith("tx") else said)


def test_lies_about_headers_are_dropped(hand):
    """GSO and a blank checksum for a packet that is neither IP nor TCP: taken, looked at, dropped."""
    hand.run(f"connect arp {GSO} extra size=1000 push answer 1 {OKAY} answer 1 {NULL} "
             f"slot size=60 flags={CSUM_BLANK} push answer 1 {OKAY} arp close")


def test_many_odd_packets_say_little(hand):
    log = Said(hand.guest.machine)
    hand.run("connect arp odd 500 arp close")
    when = [float(line.split("]")[0].strip("[ ")) for line in log.lines() if "tx packet of 5 bytes" in line]
    assert when and len(when) <= 10 * ((when[-1] - when[0]) // 5 + 1) + 10, when
    hand.guest.dom0.run("sleep 5")  # until the next test's complaint is among the ten of five seconds again


@pytest.mark.allow_log(r"grant_table\.c")
@pytest.mark.parametrize("gref", [4000000000, 500])
def test_frame_to_send_that_is_not_granted(hand, gref):
    log = Said(hand.guest.machine)
    hand.run(f"connect arp slot gref={gref} push answer 1 {ERROR} arp close")
    log.has(f"tx grant reference {gref} cannot be copied from")


@pytest.mark.allow_log(r"grant_table\.c")
@pytest.mark.parametrize("gref", ["4000000000", "500", "readonly"])
def test_buffer_that_cannot_be_written(hand, gref):
    """Whoever sent to it is no worse off than with a full queue; the buffer comes back refused."""
    log = Said(hand.guest.machine)
    hand.run(f"connect ask buffers 1 gref={gref} ask refused {ERROR} arp close")
    log.has("rx grant reference")


# Rings and keys that are wrong: the interface is named broken, with the reason, until a frontend starts over.

BREAKING = [
    ("part-crosses-page", "slot offset=4090 size=60", "offset and size cross the page"),
    ("later-part-crosses-page", f"slot size=3000 flags={MORE_DATA} slot offset=4000 size=97", "cross the page"),
    ("offset-65535", "slot offset=65535 size=60", "cross the page"),
    ("longer-than-page", "slot size=4097", "cross the page"),
    ("parts-longer-than-whole", f"slot size=100 flags={MORE_DATA} slot size=101", "longer than their packet"),
    ("no-end", f"slot size=3000 flags={MORE_DATA}", "packet has no end"),
    ("extra-missing", GSO, "extra info is missing"),
    ("second-extra-missing", f"{GSO} extra flags=1", "extra info is missing"),
]


@pytest.mark.parametrize("commands,said", [case[1:] for case in BREAKING], ids=[case[0] for case in BREAKING])
def test_impossible_packet_breaks_the_interface(hand, commands, said):
    log = Said(hand.guest.machine)
    hand.run(f"connect arp {commands} push await 5")
    assert hand.back()[0] == "state broken"
    log.has(said)


@pytest.mark.parametrize("beyond", [257, 512, 0x7fffffff, 0x80000000, 0xffffff00])
@pytest.mark.parametrize("which", ["tx", "rx"])
def test_producer_beyond_the_ring(hand, which, beyond):
    """The receive ring is looked at when there is something to send."""
    log = Said(hand.guest.machine)
    hand.run(f"connect arp produce {which} {beyond}{' ask' if which == 'rx' else ''} await 5")
    assert hand.back()[0] == "state broken"
    log.has(f"{which} request producer index is out of range")


NUMBERS = {"absent": None, "empty": "", "negative": "-1", "zero": "0", "huge": "99999999999999999999", "word": "eight"}
NUMBER = "is not a number"
BROKEN = [
    *((f"{key}-{name}", key, value, "absent" if value is None else NUMBER)
      for key in ("tx-ring-ref", "rx-ring-ref", "event-channel-rx") for name, value in NUMBERS.items()),
    *((f"event-channel-tx-{name}", "event-channel-tx", value, NUMBER)
      for name, value in NUMBERS.items() if value is not None),
    *((f"queues-{name}", "multi-queue-num-queues", value, NUMBER)
      for name, value in [*NUMBERS.items(), ("nine", "9"), ("4294967297", "4294967297")] if value is not None),
    ("queues-without-their-keys", "multi-queue-num-queues", "2", "queue-0/tx-ring-ref: absent"),
    ("flipping", "request-rx-copy", None, "flipping pages is not supported"),
    ("flipping-0", "request-rx-copy", "0", "flipping pages is not supported"),
    ("tx-channel-not-bound", "event-channel-tx", "999", "cannot connect"),
    ("rx-channel-not-bound", "event-channel-rx", "999", "cannot connect"),
]


@pytest.mark.parametrize("key,value,said", [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_bad_key_is_named(hand, key, value, said):
    log = Said(hand.guest.machine)
    setting = f"nokey {key}" if value is None else f"key {key} {shlex.quote(value)}"
    hand.run(f"{setting} start publish await 5")
    assert hand.back()[0] == "state broken"
    log.has(said)


@pytest.mark.allow_log(r"grant_table\.c")
@pytest.mark.parametrize("key", ["tx-ring-ref", "rx-ring-ref"])
def test_ring_that_is_not_granted(hand, key):
    hand.run(f"key {key} 500 start publish await 5")
    assert hand.back()[0] == "state broken"


def test_both_kinds_of_channel(hand):
    """Where a driver before it left the one key behind, the two are newer."""
    hand.run("key event-channel 999 connect arp close")


# A frontend that vanishes says nothing: the backend stays as it was until somebody starts over or detaches.

STATES = {
    "publishing": ("start hold", "holding", "waiting"),
    "connected": ("connect arp hold", "holding", "connected"),
    "sending": ("connect flood", "flooding", "connected"),
    "closing": ("connect arp state 5 await 5 hold", "holding", "closed"),
}


@pytest.mark.parametrize("state", STATES)
def test_frontend_vanishes_and_another_comes(hand, state):
    commands, word, phase = STATES[state]
    hand.kill_after(commands, word)
    assert hand.back()[0] == f"state {phase}"


def detach_by_xl(guest):
    """It waits ten seconds for the frontend before it takes everything away, and then says that it failed."""
    guest.dom0.run(f"xl network-detach {guest.domid} 0", check=False, timeout=40)


def detach_by_hand(guest):
    """The same in xenstore, with less patience."""
    front, back = nics.frontend(guest, 0), nics.backend(guest, 0)
    guest.dom0.run(f"xenstore-write {back}/online 0 {back}/state 5; sleep 1; "
                   f"xenstore-rm {front}; xenstore-rm {back}; xenstore-rm /libxl/{guest.domid}/device/vif/0")


@pytest.mark.parametrize("state,detach", [("connected", detach_by_hand), ("sending", detach_by_xl)],
                         ids=["connected", "sending"])
def test_frontend_vanishes_and_the_nic_is_detached(pvh, hand, state, detach):
    commands, word, _ = STATES[state]
    hand.kill_after(commands, word)
    detach(pvh)
    pvh.dom0.run(f"for n in $(seq 100); do test -e /sys/bus/xen-backend/devices/{hand.node} || exit 0; sleep 0.1; "
                 "done; exit 1")
    nics.attach(pvh)

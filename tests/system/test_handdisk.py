# SPDX-License-Identifier: GPL-2.0-only
"""Our backend against a frontend played by hand in a guest: each layout of the ring, and what no driver would do.

The disk stays attached; each test connects, misbehaves, and then an orderly frontend has to find it as good as new
and nothing kept in the guest or in dom0.
"""

import shlex

import pytest

from bed import devices
from handfront import Hand, Place, Said

BACK = "xenpv_blkback"
VDEV, READONLY = "xvde", "xvdf"
GOOD = "connect write 40 24 9 read 40 24 9 close"
SECTORS = 256 << 11


def equip(guest, undo):
    """Two disks, the second for reading only."""
    ramdisks = guest.dom0.ramdisks()
    if not guest.dom0.loaded(BACK):
        undo.callback(guest.dom0.unload, *guest.dom0.load(BACK))
    for vdev, target in ((VDEV, ramdisks[0]), (READONLY, ramdisks[1])):
        guest.attach(devices.disk(target, vdev, writable=vdev == VDEV))
        undo.callback(guest.detach, vdev)
        # Closed is how a detach finds nobody that it would have to wait for.
        undo.callback(Hand.disk(guest, vdev).run, "start close")


@pytest.fixture(scope="module")
def place():
    place = Place(equip)
    yield place
    place.clear()


@pytest.fixture
def hand(pvh, place):
    """The writable disk."""
    place.prepare(pvh)
    with place.tried(Hand.disk(pvh, VDEV), GOOD) as hand:
        yield hand


# Layouts


@pytest.mark.parametrize("abi", ["x86_64-abi", "x86_32-abi", "none"])
def test_each_layout_carries_data(hand, ramdisks, abi):
    dom0 = hand.guest.dom0
    dom0.run(f"dd if=/dev/zero of={ramdisks[0]} bs=64k count=4 oflag=direct status=none")
    # Eleven segments, one, and part of one; more requests than the ring has slots.
    hand.run(f"abi {abi} connect write 8 3520 5 write 7 1 6 read 8 3520 5 read 7 1 6 read 100 3 5 close")
    # A word says seed, sector and place in it: sector 8 of seed 5 begins like this, the one before is of seed 6.
    seen = dom0.run(f"dd if={ramdisks[0]} bs=512 skip=7 count=2 iflag=direct status=none | "
                    "od -A n -v -t x8 -w8").out.split()
    assert seen[0] == f"{(6 << 56) ^ (7 << 8):016x}" and seen[63] == f"{(6 << 56) ^ (7 << 8) ^ 63:016x}"
    assert seen[64] == f"{(5 << 56) ^ (8 << 8):016x}"


def test_comparison_notices_damage(hand, ramdisks):
    hand.run("connect write 0 8 3 read 0 8 3 close")
    hand.guest.dom0.run(f"printf x | dd of={ramdisks[0]} bs=1 seek=1234 conv=notrunc status=none; sync")
    with pytest.raises(Exception, match="sector 2, byte 208"):
        hand.run("connect read 0 8 3")


def test_persistent_grants_are_kept_and_given_back(hand):
    hand.kill_after("key feature-persistent 1 connect write 0 88 2 read 0 88 2 hold", "holding")
    assert "  kept_frames 11" in hand.back()


# Requests that are wrong: an error for each, and the connection goes on.

REFUSED = [
    ("no-segments", "nr=0 status=-1", "operation 0 without segments"),
    ("255-segments", "nr=255 status=-1", "nr_segments 255 is more than 11"),
    ("12-segments", "nr=12 status=-1", "nr_segments 12 is more than 11"),
    ("first-behind-last", "first=5 last=3 status=-1", "sectors 5 to 3 do not lie in a page"),
    ("last-behind-page", "first=0 last=8 status=-1", "sectors 0 to 8 do not lie in a page"),
    ("first-and-last-255", "first=255 last=255 status=-1", "sectors 255 to 255 do not lie in a page"),
    ("sector-at-end", f"sector={SECTORS - 7} status=-1", f"sector_number {SECTORS - 7} + 8 is beyond"),
    ("sector-wraps", f"sector={2**64 - 4} status=-1", f"sector_number {2**64 - 4} + 8 is beyond"),
    ("operation", "op=99 status=-2", None),
    ("indirect", "op=6 status=-2", None),
    ("discard", "op=5 status=-2", None),
]


@pytest.mark.parametrize("fields,said", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_bad_request_is_refused(hand, fields, said):
    log = Said(hand.guest.machine)
    hand.run(f"connect write 0 8 1 request {fields} read 0 8 1 request sector={SECTORS - 8} close")
    if said:
        log.has(said)


@pytest.mark.allow_log(r"grant_table\.c")
@pytest.mark.parametrize("gref", ["4000000000", "500", "readonly"])
def test_frame_that_cannot_be_mapped(hand, gref):
    log = Said(hand.guest.machine)
    hand.run(f"connect write 0 8 1 request gref={gref} status=-1 read 0 8 1 close")
    log.has("cannot be mapped")


def test_frame_for_reading_only_serves_a_write(hand):
    hand.run("connect request op=1 gref=readonly close")


def test_write_to_a_read_only_disk(hand, pvh, ramdisks):
    sum_of = f"head -c 64k {ramdisks[1]} | sha256sum"
    before = pvh.dom0.run(sum_of).out
    readonly = Hand.disk(pvh, READONLY)
    log = Said(pvh.machine)
    readonly.run("connect request op=1 status=-1 request op=2 status=-1 request op=0 close")
    log.has("write to a read-only disk")
    assert pvh.dom0.run(sum_of).out == before


# A ring or a directory that is wrong: the disk is named broken, with the reason, until a frontend starts over.


@pytest.mark.parametrize("beyond", [33, 64, 0x7fffffff, 0x80000000, 0xffffffff])
def test_producer_beyond_the_ring(hand, beyond):
    log = Said(hand.guest.machine)
    hand.run(f"connect write 0 8 1 produce {beyond} await 5")
    assert hand.back()[0] == "state broken"
    log.has("request producer index is out of range")


NUMBERS = {"absent": None, "empty": "", "negative": "-1", "zero": "0", "huge": "99999999999999999999", "word": "eight"}
NUMBER = "is not a number"
BROKEN = [
    *((f"{key}-{name}", key, value, "absent" if value is None else NUMBER)
      for key in ("ring-ref", "event-channel") for name, value in NUMBERS.items()),
    *((f"queues-{name}", "multi-queue-num-queues", value, NUMBER)
      for name, value in [*NUMBERS.items(), ("nine", "9")] if value is not None),
    ("queues-without-their-keys", "multi-queue-num-queues", "2", "queue-0/ring-ref: absent"),
    ("ring-of-two-pages", "ring-page-order", "1", NUMBER),
    ("protocol-unknown", "protocol", "x86_16-abi", 'protocol: "x86_16-abi" is not a layout'),
    ("protocol-empty", "protocol", "", 'protocol: "" is not a layout'),
    ("protocol-long", "protocol", "x86_64-abi" * 50, "protocol:"),
    ("channel-not-bound", "event-channel", "999", "cannot connect"),
]


@pytest.mark.parametrize("key,value,said", [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_bad_key_is_named(hand, key, value, said):
    log = Said(hand.guest.machine)
    setting = f"nokey {key}" if value is None else f"key {key} {shlex.quote(value)}"
    hand.run(f"{setting} start publish await 5")
    assert hand.back()[0] == "state broken"
    log.has(said)


@pytest.mark.allow_log(r"grant_table\.c")
def test_ring_that_is_not_granted(hand):
    hand.run("key ring-ref 500 start publish await 5")
    assert hand.back()[0] == "state broken"


# A frontend that vanishes says nothing: the backend stays as it was until somebody starts over or detaches.

STATES = {
    "initialised": ("start publish await 4 hold", "holding", "connected"),
    "connected": ("connect write 0 88 1 hold", "holding", "connected"),
    "serving": ("connect flood", "flooding", "connected"),
    "closing": ("connect write 0 88 1 state 5 await 5 hold", "holding", "closed"),
}


@pytest.mark.parametrize("state", STATES)
def test_frontend_vanishes_and_another_comes(hand, state):
    commands, word, phase = STATES[state]
    hand.kill_after(commands, word)
    assert hand.back()[0] == f"state {phase}"


@pytest.mark.parametrize("state", ["connected", "serving"])
def test_frontend_vanishes_and_the_disk_is_detached(pvh, hand, ramdisks, state):
    commands, word, _ = STATES[state]
    hand.kill_after(commands, word)
    pvh.detach(VDEV, force=True)
    pvh.dom0.run(f"test ! -e /sys/bus/xen-backend/devices/{hand.node}")
    pvh.attach(devices.disk(ramdisks[0], VDEV))

# SPDX-License-Identifier: GPL-2.0-only
"""What a job cost, from the drivers' own counters in debugfs at both ends."""

from collections import Counter

from bed.layout import BedError

DEBUGFS = "/sys/kernel/debug/xenpv"

# What is shown per request: name, end, counter.
PER_REQUEST = [
    ("notifications front to back", "front", "notifications_sent"),
    ("notifications back to front", "back", "notifications_sent"),
    ("wakeups of the backend", "back", "wakeups"),
    ("map hypercalls", "back", "map_hypercalls"),
    ("unmap hypercalls", "back", "unmap_hypercalls"),
    ("grant operations", "back", "grant_operations"),
]

# And of packets. Grants are given and taken back without a hypercall: only the backend makes any.
PER_PACKET = [
    ("notifications front to back", "front", "notifications_sent"),
    ("notifications back to front", "back", "notifications_sent"),
    ("spurious events of the front", "front", "events_spurious"),
    ("wakeups of the backend", "back", "wakeups"),
    ("grant hypercalls", "back", "grant_hypercalls"),
    ("grant operations", "back", "grant_operations"),
]

REQUEST_COSTS = {"per request": [name for name, _, _ in PER_REQUEST]}
# Shared by all that crossed the link, and by what it was crossed for.
BY_ALL, BY_DATA = "per packet, acks counted", "per data packet"
PACKET_COSTS = {BY_ALL: [name for name, _, _ in PER_PACKET],
                BY_DATA: [f"{name}, of data" for name, _, _ in PER_PACKET]}
UP, DOWN = ["tx_packets"], ["rx_packets"]  # whose way is the guest's at either end


def parse(text):
    """The indented 'name value' lines, added over the queues; of grants also the sums over their kinds."""
    total = Counter()
    for line in text.splitlines():
        if line.startswith("  "):
            name, value = line.split()
            total[name] += int(value)
    for what in ("hypercalls", "operations"):
        if kinds := [value for name, value in total.items() if name.endswith(f"_{what}")]:
            total[f"grant_{what}"] = sum(kinds)
    return total


def _read(guest, front, back):
    """{'front': ..., 'back': ...}; an end that another driver serves is absent."""
    ends = {"front": (guest, front), "back": (guest.dom0, back)}
    texts = {end: domain.run(f"cat {DEBUGFS}/{path} 2>/dev/null", check=False).out
             for end, (domain, path) in ends.items()}
    return {end: parse(text) for end, text in texts.items() if text}


def of_disk(guest, device_id):
    return _read(guest, f"vbd-{device_id}/blkfront", f"vbd-{guest.domid}-{device_id}/blkback")


def of_link(link):
    return _read(link.guest, f"vif-{link.devid}/netfront", f"vif-{link.guest.domid}-{link.devid}/netback")


def _shared(costs, before, after, things):
    """{name: cost per thing} between two readings, of the ends and counters that are there."""
    ends = [end for end in ("front", "back") if end in before and end in after]
    if not ends:
        return {}
    count = sum(after[ends[0]][thing] - before[ends[0]][thing] for thing in things)
    if count == 0:
        raise BedError(f"our {ends[0]}end counted no {' and no '.join(things)}: was the device ours?")
    return {name: (after[where][counter] - before[where][counter]) / count
            for name, where, counter in costs if where in ends and counter in after[where]}


def per_request(before, after):
    return _shared(PER_REQUEST, before, after, ["requests"])


def per_packet(before, after, data):
    """Per packet that crossed the link, whichever way, so of TCP the acknowledgements too; and per packet of data,
    which the counters of data count: UP, DOWN or both."""
    found = _shared(PER_PACKET, before, after, UP + DOWN)
    of_data = _shared(PER_PACKET, before, after, data)
    return found | {f"{name}, of data": cost for name, cost in of_data.items()}

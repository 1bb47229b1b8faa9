# SPDX-License-Identifier: GPL-2.0-only
"""What a job cost, from the drivers' own counters in debugfs at both ends."""

from collections import Counter

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


def _sum_queues(text):
    """The indented 'name value' lines, added over the queues."""
    total = Counter()
    for line in text.splitlines():
        if line.startswith("  "):
            name, value = line.split()
            total[name] += int(value)
    total["grant_operations"] = total["map_operations"] + total["unmap_operations"]
    return total


def snapshot(guest, device_id):
    """Both ends' counters of one disk."""
    front = guest.run(f"cat {DEBUGFS}/vbd-{device_id}/blkfront").out
    back = guest.dom0.run(f"cat {DEBUGFS}/vbd-{guest.domid}-{device_id}/blkback").out
    return {"front": _sum_queues(front), "back": _sum_queues(back)}


def per_request(before, after):
    """{name: cost per ring request} between two snapshots."""
    requests = after["front"]["requests"] - before["front"]["requests"]
    if requests == 0:
        raise RuntimeError("the frontend counted no request: was the disk ours?")
    return {name: (after[end][counter] - before[end][counter]) / requests for name, end, counter in PER_REQUEST}

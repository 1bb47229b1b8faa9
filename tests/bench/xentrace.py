# SPDX-License-Identifier: GPL-2.0-only
"""What Xen's trace says that was done: the records of xentrace(8), read as xen/include/public/trace.h has them."""

import struct
from collections import Counter

from bed.layout import BedError

MASK = 0x0028F000  # TRC_PV and TRC_HVM
LOST_RECORDS = 0x1F001
PV_HYPERCALLS = (0x20100D, 0x20200E)  # TRC_PV_HYPERCALL_V2, and the calls within a multicall
VMMCALL = 0x82012
INJECTED = 0x82004  # TRC_HVM_INJ_VIRQ
EXITS = (0x81002, 0x81102)
CYCLES = 1 << 31

GRANT_TABLE_OP, EVENT_CHANNEL_OP = 20, 32  # xen/include/public/xen.h


def records(data):
    """(event, its words) of each record."""
    at = 0
    try:
        while at < len(data):
            head, = struct.unpack_from("<I", data, at)
            at += 12 if head & CYCLES else 4
            words = struct.unpack_from(f"<{head >> 28 & 7}I", data, at)
            at += 4 * len(words)
            yield head & 0x0FFFFFFF, words
    except struct.error:
        raise BedError(f"the trace of Xen ends within a record, at byte {at} of {len(data)}") from None


def counts(data):
    """Of all domains: hypercalls; exits and interrupts of HVM and PVH guests; notifications, which are hypercalls
    about event channels; grant hypercalls, and the operations in those of a PV dom0."""
    found = Counter()
    for event, words in records(data):
        if event == LOST_RECORDS:
            raise BedError("Xen's trace buffer was too small: records are lost")
        if event in EXITS:
            found["exits"] += 1
        elif event == INJECTED:
            found["interrupts"] += 1
        elif event == VMMCALL:
            _hypercall(found, words[0])
        elif event in PV_HYPERCALLS:
            call = words[0] & 0xFFFFF
            _hypercall(found, call)
            if call == GRANT_TABLE_OP:
                found["grant operations"] += words[2]  # after the command; the pointer between them is not recorded
    return found


def _hypercall(found, call):
    found["hypercalls"] += 1
    if call == EVENT_CHANNEL_OP:
        found["notifications"] += 1
    if call == GRANT_TABLE_OP:
        found["grant hypercalls"] += 1

# SPDX-License-Identifier: GPL-2.0-only
"""What the turns brought: every value, under the turn in which it was measured."""

import interval

DURATIONS = ("latency",)  # how metrics begin of which less is better


class Samples:
    def __init__(self):
        self._values = {}  # (load, workload, device, metric): {turn: value}

    def add(self, load, turn, device, workload, found):
        """found: {metric: value}."""
        for metric, value in found.items():
            self._values.setdefault((load, workload, device, metric), {})[turn] = value

    def __bool__(self):
        return bool(self._values)

    def __iter__(self):
        """Of (load, workload, device, metric), in the order in which they came."""
        return iter(self._values)

    def turns(self, load, workload, device, metric):
        """{turn: value}."""
        return self._values.get((load, workload, device, metric), {})

    def pairs(self, load, workload, metric, ours, theirs):
        """(our value, theirs) of each turn that has both: how much better the first is, so the other way about where
        less is better."""
        a, b = (self.turns(load, workload, device, metric) for device in (ours, theirs))
        if metric.startswith(DURATIONS):
            a, b = b, a
        return [(a[turn], b[turn]) for turn in sorted(a.keys() & b.keys())]

    def ratio(self, load, workload, metric, ours, theirs, level=interval.SHOWN):
        return interval.ratio(self.pairs(load, workload, metric, ours, theirs), level)

    def mean(self, load, workload, device, metric, level=interval.SHOWN):
        return interval.mean(list(self.turns(load, workload, device, metric).values()), level)

# SPDX-License-Identifier: GPL-2.0-only
"""What ours is to reach, and whether it did."""

from dataclasses import dataclass

import report


@dataclass(frozen=True)
class Ratio:
    """Ours is at least so many times another device's."""

    workload: str
    metric: str
    over: str
    least: float

    def judge(self, rows):
        ours, theirs = (report.median(rows, self.workload, d, self.metric) for d in ("xenpv", self.over))
        value = ours / theirs if ours is not None and theirs else None
        return _verdict(f"{self.workload}, against {self.over}", value, f"at least {self.least:g}",
                        value is not None and ours >= self.least * theirs)


@dataclass(frozen=True)
class Cost:
    """Ours costs at most so much, of what the unit says."""

    workload: str
    cost: str
    unit: str
    most: float

    def judge(self, rows):
        cost = report.median(rows, self.workload, "xenpv", self.cost)
        return _verdict(f"{self.workload}, {self.cost} {self.unit}", cost, f"at most {self.most:g}",
                        cost is not None and cost <= self.most)


def _verdict(what, value, bar, met):
    """value None: it was not measured, and so is not met."""
    return {"what": what, "value": None if value is None else round(value, 4), "bar": bar, "met": met}


def table(verdicts):
    """The lines that are printed: each bar, and how many were met."""
    lines = [f"{v['what']:<84}{_figure(v['value']):>14}  {v['bar']:<14} {'met' if v['met'] else 'MISSED'}"
             for v in verdicts]
    return "\n".join([*lines, f"{sum(v['met'] for v in verdicts)} of {len(verdicts)} bars met"])


def _figure(value):
    return "not measured" if value is None else f"{value:.3f}"

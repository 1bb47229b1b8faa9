# SPDX-License-Identifier: GPL-2.0-only
"""What repeated turns say of a figure: a value, and the interval in which the true one lies.

The interval is Student's, of ratios over their logarithms. Ratios multiply, so it is logarithms that may be averaged;
the two runs of a turn are neighbours in time, so what slows the machine for a while cancels; and of few turns Student's
keeps what it promises, where a bootstrap promises too much and Wilcoxon's test says nothing before the sixth.
"""

import functools
import math
import statistics
from dataclasses import dataclass

from scipy import stats

SHOWN = 0.95
# Who looks after each turn whether the interval has left the bar finds it outside by chance in one look of many. By
# this level a bar that is exactly reached is called met or missed in one of thirteen runs; by SHOWN in one of five.
DECIDED = 0.99


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float
    turns: int

    def above(self, bar):
        return self.low >= bar

    def below(self, bar):
        return self.high < bar

    def excludes(self, bar):
        """Whether it lies wholly on one side."""
        return self.low > bar or self.high < bar


@functools.cache
def _student(level, freedom):
    """How many standard errors the interval reaches to each side."""
    return stats.t.ppf((1 + level) / 2, freedom)


def mean(values, level=SHOWN):
    """Of the mean of independent values; None of fewer than two."""
    if len(values) < 2:
        return None
    middle = statistics.fmean(values)
    half = _student(level, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(middle, middle - half, middle + half, len(values))


def ratio(pairs, level=SHOWN):
    """Of the ratio of each turn's two values; None of fewer than two turns, or where one of them came to nothing."""
    if any(value <= 0 for pair in pairs for value in pair):
        return None
    logs = mean([math.log(ours / theirs) for ours, theirs in pairs], level)
    return logs and Interval(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), logs.turns)

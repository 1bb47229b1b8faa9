# SPDX-License-Identifier: GPL-2.0-only
"""Intervals: known samples, and whether they hold what they promise, by simulation with a fixed seed."""

import math
import sys
from pathlib import Path

import numpy
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import interval  # noqa: E402  the path comes first

RUNS = 2000


def test_a_known_mean():
    # Mean 3, deviation 1.581, four degrees of freedom: 3 +- 2.776 * 0.7071.
    found = interval.mean([1, 2, 3, 4, 5])
    assert (found.value, found.turns) == (3, 5)
    assert (found.low, found.high) == (pytest.approx(1.0368, abs=1e-4), pytest.approx(4.9632, abs=1e-4))
    wider = interval.mean([1, 2, 3, 4, 5], 0.99)
    assert wider.high == pytest.approx(3 + 4.6041 * math.sqrt(0.5), abs=1e-4)


def test_a_known_ratio():
    # Ratios 2, 4 and 8: logarithms one octave apart, two degrees of freedom.
    found = interval.ratio([(2, 1), (40, 10), (8e3, 1e3)])
    assert found.value == pytest.approx(4)
    assert found.high / found.value == pytest.approx(found.value / found.low) == pytest.approx(
        2 ** (4.3027 / math.sqrt(3)), rel=1e-4)


def test_what_cannot_be_said_is_not_said():
    assert interval.mean([]) is None and interval.mean([5]) is None
    assert interval.ratio([]) is None and interval.ratio([(2, 1)]) is None
    assert interval.ratio([(2, 1), (2, 0), (2, 1)]) is None and interval.ratio([(0, 1), (2, 1)]) is None


def test_runs_without_spread_are_sure():
    found = interval.ratio([(3, 2)] * 4)
    assert found.low == found.high == pytest.approx(1.5) and found.above(1.5 - 1e-9) and found.excludes(1)


def test_sides_of_a_bar():
    found = interval.Interval(1.5, 1.2, 1.9, 5)
    assert found.above(1.2) and not found.above(1.3) and found.below(2) and not found.below(1.9)
    assert found.excludes(1) and found.excludes(2) and not found.excludes(1.5)


def drifting(random, turns, ratio):
    """Pairs of runs on a machine whose speed wanders by tenths from turn to turn, each run with noise of its own."""
    speed = numpy.exp(numpy.cumsum(random.normal(0, 0.3, turns)))
    noise = random.normal(0, 0.08, (turns, 2))
    return list(zip(ratio * speed * numpy.exp(noise[:, 0]), speed * numpy.exp(noise[:, 1])))


@pytest.mark.parametrize("turns", [3, 4, 8, 20])
def test_the_true_ratio_is_inside_as_often_as_promised(turns):
    random = numpy.random.default_rng(turns)
    inside = 0
    for _ in range(RUNS):
        found = interval.ratio(drifting(random, turns, 1.3))
        inside += found.low <= 1.3 <= found.high
    # Three deviations of the count itself.
    assert abs(inside / RUNS - 0.95) < 3 * math.sqrt(0.95 * 0.05 / RUNS)


def test_pairs_are_narrower_than_groups():
    """What a wandering machine does to both runs of a turn is not in their ratio."""
    random = numpy.random.default_rng(7)
    pairs = drifting(random, 12, 1.3)
    paired = interval.ratio(pairs)
    shuffled = interval.ratio(list(zip([a for a, _ in pairs], random.permutation([b for _, b in pairs]))))
    assert math.log(shuffled.high / shuffled.low) > 3 * math.log(paired.high / paired.low)


def stopped(random, true, level, least=4, most=15):
    """On which side of 1 looking after every turn found it; 0 when it was not decided."""
    logs = list(math.log(true) + random.normal(0, 0.1, most))
    for turns in range(least, most + 1):
        found = interval.mean(logs[:turns], level)
        if found.excludes(0):
            return 1 if found.low > 0 else -1
    return 0


def test_looking_after_every_turn_wants_the_stricter_level():
    share = {}
    for level in (interval.SHOWN, interval.DECIDED):
        random = numpy.random.default_rng(11)
        share[level] = sum(stopped(random, 1.0, level) != 0 for _ in range(RUNS // 2)) / (RUNS // 2)
    assert share[interval.SHOWN] > 0.13 and share[interval.DECIDED] < 0.06


def test_what_differs_is_decided_and_on_the_right_side():
    random = numpy.random.default_rng(12)
    sides = [stopped(random, 1.25, interval.DECIDED) for _ in range(RUNS // 4)]
    assert sides.count(1) / len(sides) > 0.98 and sides.count(-1) == 0

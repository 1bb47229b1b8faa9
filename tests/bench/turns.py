# SPDX-License-Identifier: GPL-2.0-only
"""Devices take turns within one boot: these machines are shared, and only neighbours in time compare."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """How often a device is measured, and the length of a job then; of one in the turn that is thrown away, 0: none."""

    device: str
    repeats: int
    seconds: int
    warmup: int = 0


@dataclass(frozen=True)
class Turn:
    device: str
    seconds: int
    label: str
    counts: bool


def schedule(parts):
    """The turns in order."""
    for part in parts:
        if part.warmup:
            yield Turn(part.device, part.warmup, "warm-up", False)
    for number in range(1, max(part.repeats for part in parts) + 1):
        for part in parts:
            if number <= part.repeats:
                yield Turn(part.device, part.seconds, f"run {number} of {part.repeats}", True)


def take(parts, measure, progress, samples):
    """Adds to {(workload, device, metric): values} what measure(device, seconds) -> {(workload, metric): value} found;
    so what was found is there whatever comes after it."""
    for turn in schedule(parts):
        progress(f"{turn.label}: {turn.device}")
        found = measure(turn.device, turn.seconds)
        if turn.counts:
            for (workload, metric), value in found.items():
                samples.setdefault((workload, turn.device, metric), []).append(value)

# SPDX-License-Identifier: GPL-2.0-only
"""Devices take turns within one boot: these machines are shared, and only neighbours in time compare.

A turn is one job, once on each device, one right after the other; every second turn goes through the devices backwards,
so that what drifts meets both ends alike. Turns of a job are repeated until what it is measured for is decided.
"""

import itertools
import time
from dataclasses import dataclass

from interval import DECIDED, SHOWN

LEAST = 4  # turns of every job
# A ratio that is known as well as this is not worth more turns, decided or not.
NARROW = 1.08


@dataclass(frozen=True)
class Plan:
    """What is measured in one go, under one load."""

    load: str
    jobs: list
    devices: dict  # {device: its jobs}, neighbours as they are to be compared
    bases: list  # devices with which ours is compared
    bars: list
    seconds: int
    warmup: int  # 0: none

    def of(self, job):
        return [device for device, jobs in self.devices.items() if job in jobs]


def narrow(plan, job, samples):
    """Whether the ratio to the in-tree pair, which is the one that matters, is told from 1, or known well."""
    for base in set(plan.bases) & {"intree"} & set(plan.of(job)):
        key = plan.load, job.workload, job.metric, "xenpv", base
        sure, shown = samples.ratio(*key, DECIDED), samples.ratio(*key, SHOWN)
        if sure is None or not (sure.excludes(1) or shown.high <= shown.low * NARROW):
            return False
    return True


def wanted(plan, job, samples):
    """The devices that the next turn of a job is to have; none when all is decided."""
    bars = [bar for bar in plan.bars if (bar.load, bar.workload) == (plan.load, job.workload)
            and not bar.decided(samples)]
    over = {bar.over for bar in bars}
    if not narrow(plan, job, samples):
        over.add("intree")
    return [device for device in plan.of(job) if device in over or device == "xenpv"] if over else []


def take(plan, measure, progress, samples, until, between=lambda: None, now=time.monotonic):
    """Adds to the samples what measure(device, job, seconds) -> {metric: value} found; so what was found is there
    whatever comes after it. LEAST turns are taken however late it is; further ones begin until then. between: called
    before each turn's first job, when nothing is measured."""
    if plan.warmup:
        for job in plan.jobs:
            for device in plan.of(job):
                progress(f"warm-up: {job.workload}, {device}")
                measure(device, job, plan.warmup)
    for turn in itertools.count(1):
        going = False
        between()
        for job in plan.jobs:
            devices = plan.of(job) if turn <= LEAST else wanted(plan, job, samples)
            if not devices or (turn > LEAST and now() >= until):
                continue
            going = True
            progress(f"turn {turn}: {job.workload}, {' '.join(devices)}")
            for device in devices if turn % 2 else reversed(devices):
                samples.add(plan.load, turn, device, job.workload, measure(device, job, plan.seconds))
        if not going:
            return

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a request and a packet cost, ours and the in-tree pair's, in the steady lane; against the baseline in the tree.

Times nothing: see docs/cost.md.
"""

import argparse
import concurrent.futures
import contextlib
import json
import sys
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH), str(BENCH.parent / "system")]

import baseline  # noqa: E402  (after the search path)
import disk  # noqa: E402
import fixedwork  # noqa: E402
import network  # noqa: E402
import session  # noqa: E402
from bed.layout import BedError, say  # noqa: E402
from bed.machine import Machine  # noqa: E402
from bed.pair import networked, served  # noqa: E402
from meter import Meter  # noqa: E402

BASELINE = BENCH / "cost-baseline.json"
REPORT = session.ROOT / "build/cost/report.json"
DEVICES = ["intree", "xenpv"]
EVENTS = ["hypercalls", "exits", "interrupts", "notifications", "grant hypercalls", "grant operations"]
COSTS = ["instructions", *EVENTS]
RESTORES = 3  # from which a baseline and its spreads are made


@contextlib.contextmanager
def _disk(guest, device):
    pair = disk.PAIRS[device]
    with served(guest, pair.front, pair.back, disk.backing(guest.dom0)) as path:
        yield guest, path


@contextlib.contextmanager
def _link(guest, device):
    pair = network.PAIRS[device]
    with networked(guest, pair.front, pair.back) as link:
        fixedwork.serve(link)
        yield link


TOPICS = {"disk": (_disk, fixedwork.DISK), "network": (_link, fixedwork.NETWORK)}
UNITS = {job.workload: job.unit for _, jobs in TOPICS.values() for job in jobs}


def per_unit(measure, job, target):
    """{cost: number} of one unit, by a method of Meter; what the program costs without any is taken off."""
    def once(length):
        before = job.counter(target)
        done, costs = measure(lambda: job.run(target, length))
        return (done if before is None else job.counter(target) - before), costs

    small, offset = once(job.shortest)
    big, costs = once(job.length)
    if big <= small:
        raise BedError(f"{job.workload}: {big} units were done where {job.length} were due")
    costs.subtract(offset)
    return {name: value / (big - small) for name, value in costs.items()}


def measure(machine, open_target, jobs):
    """{(workload, device): {cost: number per unit}}"""
    meter = Meter(machine)
    guest = machine.guest("pvh")
    found = {}
    for device in DEVICES:
        say(f"{device}: {len(jobs)} jobs of the {machine.name}")
        with open_target(guest, device) as target:
            jobs[0].run(target, jobs[0].shortest)  # brings what the program is made of into memory
            for job in jobs:
                costs = per_unit(meter.instructions, job, target)
                events = per_unit(meter.events, job, target)
                found[job.workload, device] = costs | {name: events.get(name, 0) for name in EVENTS}
    return found


def ratios(found):
    """{(workload, cost): ours as a ratio to the in-tree pair's}"""
    return {(workload, cost): baseline.ratio(value, found[workload, "intree"][cost])
            for (workload, device), costs in found.items() if device == "xenpv" for cost, value in costs.items()}


def table(found):
    """The lines that are printed."""
    lines = [f"{'each ...':<40}{'device':<9}" + "".join(f"{cost:>18}" for cost in COSTS)]
    for (workload, device), costs in sorted(found.items(), key=lambda one: list(UNITS).index(one[0][0])):
        cells = "".join(f"{costs[cost]:>18{'.0f' if cost == 'instructions' else '.3f'}}" for cost in COSTS)
        lines.append(f"{f'{UNITS[workload]} of {workload}':<40}{device:<9}{cells}")
    return "\n".join(lines)


def report(found, compared):
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"workload": workload, "device": device, "per": UNITS[workload],
             "cost": {name: round(value, 4) for name, value in costs.items()}}
            for (workload, device), costs in found.items()]
    ours = [{"workload": workload, "cost": cost, "ratio": round(value, 4)}
            for (workload, cost), value in compared.items()]
    REPORT.write_text(json.dumps({"costs": rows, "ratios": ours}, indent=1) + "\n", encoding="utf-8")


def _start(topic):
    machine = Machine.start(modules=session.ROOT, name=f"cost-{topic}", lane="steady")
    if machine.accel != "tcg":
        machine.stop()
        raise BedError("under KVM no instructions are counted: see docs/cost.md")
    return machine


def restored():
    """One run: {(workload, cost): ratio}, of machines that nobody has used, one for each topic."""
    began = time.monotonic()
    found = {}
    # The machines end first, on an error or Ctrl-C too, so that no thread goes on.
    with concurrent.futures.ThreadPoolExecutor() as pool, contextlib.ExitStack() as machines:
        runs = []
        for topic, (open_target, jobs) in TOPICS.items():
            machine = _start(topic)
            machines.callback(machine.stop)
            runs.append(pool.submit(measure, machine, open_target, jobs))
        for run in concurrent.futures.as_completed(runs):
            found |= run.result()
    compared = ratios(found)
    print(table(found))
    report(found, compared)
    say(f"took {time.monotonic() - began:.0f} s; also in {REPORT}")
    return compared


def write_baseline():
    baseline.write(BASELINE, baseline.rows([restored() for _ in range(RESTORES)]))
    print(f"written: {BASELINE}")


def judge():
    agreed = baseline.read(BASELINE)  # before the work
    verdicts = baseline.judge(agreed, restored())
    if not all(verdict.ok for verdict in verdicts):
        # Of so many rows one is beyond its spread by chance now and then, but not twice.
        say("measuring again what rose: " + "; ".join(verdict.text for verdict in verdicts if not verdict.ok))
        verdicts = baseline.twice(verdicts, baseline.judge(agreed, restored()))
    failed = [verdict for verdict in verdicts if not verdict.ok]
    for verdict in failed:
        print(f"FAIL {verdict.text}")
    if failed:
        print(f"what to do: {baseline.ADVICE}")
    print(f"{len(verdicts) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-baseline", action="store_true",
                        help=f"from {RESTORES} restores, in place of the one in the tree")
    args = parser.parse_args()
    try:
        return write_baseline() if args.write_baseline else judge()
    except BedError as error:
        print(f"cost: {session.explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

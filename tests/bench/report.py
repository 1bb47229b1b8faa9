# SPDX-License-Identifier: GPL-2.0-only
"""Rows, the tables and the file they are written to, which is that of `xenpv bench`."""

import json
import statistics

FORMAT, VERSION = "xenpv bench results", 2
OURS = "xenpv"
PERCENTILES = {f"latency {name}": "us" for name in ("p50", "p99", "p99.9")}  # beside a job's own metric
NO_DIFFERENCE = "no difference shown"


def rows(samples, jobs, costs):
    """A row for each workload, device, metric and load; what is a cost ({unit: its metrics}) belongs to its job's."""
    units = {(job.workload, job.metric): job.unit for job in jobs}
    of_costs = {name: unit for unit, names in costs.items() for name in names}
    found = {}
    for load, workload, device, metric in samples:
        turns = samples.turns(load, workload, device, metric)
        if unit := units.get((workload, metric)) or PERCENTILES.get(metric):
            found[load, workload, device, metric] = _row(load, workload, device, metric, unit, turns)
    for load, workload, device, metric in samples:
        if unit := of_costs.get(metric):
            values = samples.turns(load, workload, device, metric).values()
            job = next(job for job in jobs if job.workload == workload)
            if row := found.get((load, workload, device, job.metric)):
                row.setdefault("counters", {}).setdefault(unit, {})[metric] = round(statistics.median(values), 4)
    return list(found.values())


def _row(load, workload, device, metric, unit, turns):
    runs = list(turns.values())
    return {"workload": workload, "device": device, "metric": metric, "unit": unit, "load": load,
            "runs": [round(run, 4) for run in runs], "turns": list(turns), "median": round(statistics.median(runs), 4),
            "min": round(min(runs), 4), "max": round(max(runs), 4)}


def find(found, load, workload, device, metric):
    """The row, or None for what was not measured."""
    wanted = {"load": load, "workload": workload, "device": device, "metric": metric}
    return next((row for row in found if wanted.items() <= row.items()), None)


def ratios(samples, jobs, bases, loads):
    """Of ours to each base, turn by turn: what the tables show, for programs."""
    found = []
    for job in jobs:
        for load in loads:
            for base in bases:
                if made := samples.ratio(load, job.workload, job.metric, OURS, base):
                    found.append({"workload": job.workload, "load": load, "metric": job.metric, "device": OURS,
                                  "over": base, "value": round(made.value, 4), "low": round(made.low, 4),
                                  "high": round(made.high, 4), "turns": made.turns})
    return found


# Tables, in the form of Markdown: they may be copied into a document as they are

def table(samples, jobs, devices, bases, loads):
    """devices and bases: {device: how its column is headed}. Medians, and how many times better ours is than each base,
    with the interval of 95 %."""
    lines = [["workload", "load", *devices.values(), *[f"ratio to {head}" for head in bases.values()]]]
    for job in jobs:
        for load in loads:
            cells = [_median(samples, load, job, device) for device in devices]
            if any(cell != "-" for cell in cells):
                lines.append([f"{job.workload}, {job.unit}", load, *cells,
                              *[told(samples.ratio(load, job.workload, job.metric, OURS, base)) for base in bases]])
    return markdown(lines)


def markdown(lines):
    """The first line heads the others; of two columns' words the first ones are to the left."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in [lines[0], rule, *lines[1:]])


def told(ratio):
    """A ratio with its interval, or that it shows nothing."""
    if ratio is None:
        return "-"
    span = f"({_times(ratio.low)}-{_times(ratio.high)})"
    return f"{_times(ratio.value)}x {span}" if ratio.excludes(1) else f"{NO_DIFFERENCE} {span}"


def _times(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _median(samples, load, job, device):
    values = samples.turns(load, job.workload, device, job.metric).values()
    return figure(statistics.median(values)) if values else "-"


def figure(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def cost_table(samples, jobs, names, unit, loads):
    """What each job cost ours."""
    lines = [[f"{OURS}, {unit}", "load", *[job.short for job in jobs]]]
    for name in names:
        for load in loads:
            costs = [samples.turns(load, job.workload, OURS, name).values() for job in jobs]
            if any(costs):
                lines.append([name, load, *[f"{statistics.median(values):.3f}" if values else "-"
                                            for values in costs]])
    return markdown(lines) if len(lines) > 1 else ""


def write(path, content):
    """Under another name first: who ends it meanwhile leaves the last one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(json.dumps({"format": FORMAT, "version": VERSION, **content}, indent=1) + "\n",
                       encoding="utf-8")
    scratch.rename(path)

# SPDX-License-Identifier: GPL-2.0-only
"""Rows, the tables and the file they are written to."""

import json
import statistics


def row(workload, device, metric, unit, runs):
    return {"workload": workload, "device": device, "metric": metric, "unit": unit,
            "runs": [round(r, 4) for r in runs], "median": round(statistics.median(runs), 4),
            "min": round(min(runs), 4), "max": round(max(runs), 4)}


def rows(samples, jobs, costs):
    """Of {(workload, device, metric): runs}; what no job has for its metric is a cost: {unit: its metrics}."""
    of_jobs = {(job.workload, job.metric): job.unit for job in jobs}
    of_costs = {name: unit for unit, names in costs.items() for name in names}
    return [row(workload, device, metric, of_jobs.get((workload, metric)) or of_costs[metric], runs)
            for (workload, device, metric), runs in samples.items()]


def find(found, workload, device, metric):
    """The row, or None for what was not measured."""
    return next((r for r in found if (r["workload"], r["device"], r["metric"]) == (workload, device, metric)), None)


def median(found, workload, device, metric):
    """The same of the median."""
    of = find(found, workload, device, metric)
    return of and of["median"]


def table(found, jobs, devices, bases):
    """The lines that are printed: medians with spread, and how many times better ours is than each base."""
    lines = [f"{'workload':<32}{'unit':<11}" + "".join(f"{d:>25}" for d in devices) +
             "".join(f"{'x ' + base:>12}" for base in bases)]
    for job in jobs:
        by_device = {d: find(found, job.workload, d, job.metric) for d in devices}
        cells = "".join(f"{_cell(r):>25}" for r in by_device.values())
        times = "".join(f"{_times(job, by_device['xenpv'], by_device[base]):>12}" for base in bases)
        lines.append(f"{job.workload:<32}{job.unit:<11}{cells}{times}")
    return "\n".join(lines)


def cost_table(found, jobs, names, unit):
    """The lines that are printed: what each job cost ours."""
    lines = [f"{'xenpv, ' + unit:<40}" + "".join(f"{job.short:>14}" for job in jobs)]
    for name in names:
        costs = [find(found, job.workload, "xenpv", name) for job in jobs]
        lines.append(f"{name:<40}" + "".join(f"{cost['median']:>14.3f}" if cost else f"{'-':>14}" for cost in costs))
    return "\n".join(lines)


def _cell(found):
    return f"{_figure(found['median'])} ({_figure(found['min'])}-{_figure(found['max'])})" if found else "-"


def _figure(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _times(job, ours, theirs):
    if not ours or not theirs:
        return "-"
    times = ours["median"] / theirs["median"]
    return f"{1 / times if job.metric == 'latency' else times:.2f}x"


def write(path, environment, found, verdicts):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"environment": environment, "rows": found, "verdicts": verdicts}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

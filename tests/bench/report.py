# SPDX-License-Identifier: GPL-2.0-only
"""Rows, the table and the file they are written to."""

import json
import statistics

DEVICES = ["emulated", "intree", "xenpv"]


def row(workload, device, metric, unit, runs):
    return {"workload": workload, "device": device, "metric": metric, "unit": unit,
            "runs": [round(r, 4) for r in runs], "median": round(statistics.median(runs), 4),
            "min": round(min(runs), 4), "max": round(max(runs), 4)}


def _find(rows, workload, device, metric):
    return next(r for r in rows if (r["workload"], r["device"], r["metric"]) == (workload, device, metric))


def table(rows, jobs, cost_names):
    """The lines that are printed: medians with spread, the two ratios, and our costs."""
    lines = [f"{'workload':<30}{'unit':<6}" + "".join(f"{d:>28}" for d in DEVICES) +
             f"{'xenpv/emulated':>16}{'xenpv/intree':>14}"]
    for job in jobs:
        found = {d: _find(rows, job.workload, d, job.metric) for d in DEVICES}
        cells = "".join(f"{_cell(r):>28}" for r in found.values())
        ours = found["xenpv"]["median"]
        lines.append(f"{job.workload:<30}{job.unit:<6}{cells}{ours / found['emulated']['median']:>15.1f}x"
                     f"{ours / found['intree']['median']:>13.2f}x")
    lines += ["", f"{'cost per ring request, xenpv':<36}" + "".join(f"{_short(j.workload):>16}" for j in jobs)]
    for name in cost_names:
        cells = "".join(f"{_find(rows, j.workload, 'xenpv', name)['median']:>16.3f}" for j in jobs)
        lines.append(f"{name:<36}{cells}")
    return "\n".join(lines)


def _cell(found):
    return f"{found['median']:.1f} ({found['min']:.1f}-{found['max']:.1f})"


def _short(workload):
    kind, way, size, unit, depth = workload.split()
    return f"{kind[:3]} {way[:1]} {size}K {depth}"


def write(path, environment, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"environment": environment, "rows": rows}, indent=1) + "\n", encoding="utf-8")

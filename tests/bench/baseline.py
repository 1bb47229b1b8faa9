# SPDX-License-Identifier: GPL-2.0-only
"""The costs of ours that are agreed on, as ratios to the in-tree pair's of the same run, and what a change means.

The file is a list of rows. spread is how far runs from separate restores differ: a row whose spread is larger than what
is allowed to all may rise by that.
"""

import json
import statistics
from dataclasses import asdict, dataclass

from bed.layout import BedError

ALLOWED = 0.03  # of a rise
# Added to both costs before they are divided: what happens once in a hundred requests decides nothing, and what the
# in-tree pair never does can be compared too.
FLOOR = 0.05
ADVICE = "mend what made it dearer, or say why in the commit and change the baseline there: make cost BASELINE=write"


@dataclass(frozen=True)
class Row:
    workload: str
    cost: str
    ratio: float
    spread: float = 0.0

    @property
    def name(self):
        return f"{self.workload}: {self.cost}"

    @property
    def allowed(self):
        return max(ALLOWED, self.spread)


def ratio(ours, theirs):
    return (ours + FLOOR) / (theirs + FLOOR)


def rows(ratios):
    """Of several runs' {(workload, cost): ratio}, the same keys in each."""
    found = []
    for workload, cost in ratios[0]:
        values = [run[workload, cost] for run in ratios]
        # Doubled: a few runs do not show the farthest that there are.
        spread = 2 * (max(values) / min(values) - 1)
        found.append(Row(workload, cost, round(statistics.median(values), 4), round(spread, 4)))
    return found


def write(path, found):
    text = ",\n".join(f"  {json.dumps(asdict(row))}" for row in found)
    path.write_text(f'{{"rows": [\n{text}\n]}}\n', encoding="utf-8")


def read(path):
    """The rows; BedError names what is wrong with the file."""
    what = f"make cost BASELINE=write makes one anew ({path})"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BedError(f"no baseline: {what}") from None
    except ValueError as error:
        raise BedError(f"the baseline is no JSON, {error}: {what}") from None
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise BedError(f"the baseline has no list 'rows': {what}")
    return [_row(number, one, what) for number, one in enumerate(content["rows"], 1)]


FIELDS = {"workload": str, "cost": str, "ratio": (int, float), "spread": (int, float)}


def _row(number, one, what):
    for field, kind in FIELDS.items():
        value = one.get(field) if isinstance(one, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool) or (kind is not str and value < 0):
            raise BedError(f"row {number} of the baseline: field '{field}' is {value!r}: {what}")
    if unknown := one.keys() - FIELDS:
        raise BedError(f"row {number} of the baseline: unknown field '{min(unknown)}': {what}")
    return Row(**one)


@dataclass(frozen=True)
class Verdict:
    ok: bool
    text: str


def judge(agreed, ratios):
    """A verdict on each row of the baseline and on each {(workload, cost): ratio} that it does not have."""
    verdicts = []
    left = dict(ratios)
    for row in agreed:
        new = left.pop((row.workload, row.cost), None)
        if new is None:
            verdicts.append(Verdict(False, f"{row.name}: is in the baseline and was not measured; make cost "
                                           "BASELINE=write where it is no job any more"))
            continue
        rise = new / row.ratio - 1 if row.ratio else float(new > 0)
        text = f"{row.name}: {row.ratio:.4f} became {new:.4f} of in-tree's ({rise:+.1%}, allowed +{row.allowed:.1%})"
        verdicts.append(Verdict(rise <= row.allowed, text))
    for workload, cost in left:
        verdicts.append(Verdict(False, f"{workload}: {cost}: is not in the baseline; make cost BASELINE=write"))
    return verdicts


def twice(first, second):
    """The verdicts of two runs on the same rows: only what failed in both has failed."""
    return [again if not one.ok else one for one, again in zip(first, second, strict=True)]

# SPDX-License-Identifier: GPL-2.0-only
"""What ours is to reach, and whether it did: by the interval, which has to lie on one side of the bar."""

from dataclasses import dataclass

from interval import DECIDED, SHOWN

MET, MISSED, OPEN, NOT_MEASURED = "met", "missed", "not decided", "not measured"


@dataclass(frozen=True)
class Ratio:
    """Ours is at least so many times another device's."""

    workload: str
    metric: str
    over: str
    least: float
    load: str = "none"

    def judge(self, samples):
        pairs = samples.pairs(self.load, self.workload, self.metric, "xenpv", self.over)
        found = samples.ratio(self.load, self.workload, self.metric, "xenpv", self.over)
        verdict = not pairs and NOT_MEASURED or _verdict(found and found.above(self.least),
                                                         found and found.below(self.least))
        return _told(f"{self.workload}, against {self.over}", self.load, found, f"at least {self.least:g}", verdict)

    def decided(self, samples):
        """Whether more turns are not needed."""
        found = samples.ratio(self.load, self.workload, self.metric, "xenpv", self.over, DECIDED)
        return found is not None and found.excludes(self.least)


@dataclass(frozen=True)
class Cost:
    """Ours costs at most so much, of what the unit says."""

    workload: str
    cost: str
    unit: str
    most: float
    load: str = "none"

    over = None

    def judge(self, samples):
        found = samples.mean(self.load, self.workload, "xenpv", self.cost, SHOWN)
        measured = samples.turns(self.load, self.workload, "xenpv", self.cost)
        verdict = not measured and NOT_MEASURED or _verdict(found and found.high <= self.most,
                                                            found and found.low > self.most)
        return _told(f"{self.workload}, {self.cost} {self.unit}", self.load, found, f"at most {self.most:g}", verdict)

    def decided(self, samples):
        found = samples.mean(self.load, self.workload, "xenpv", self.cost, DECIDED)
        return found is not None and (found.high <= self.most or found.low > self.most)


def _verdict(met, missed):
    return MET if met else MISSED if missed else OPEN


def _told(what, load, found, bar, verdict):
    figures = {name: found and round(getattr(found, name), 4) for name in ("value", "low", "high")}
    return {"what": what, "load": load, **figures, "turns": found.turns if found else 0, "bar": bar,
            "verdict": verdict}


def table(verdicts):
    """The lines that are printed: each bar, and how many were met."""
    lines = [f"{v['what']:<74}{_figure(v):>24}  {v['bar']:<14} {v['verdict']}" for v in verdicts]
    count = {word: sum(v["verdict"] == word for v in verdicts) for word in (MET, MISSED, OPEN, NOT_MEASURED)}
    told = ", ".join(f"{number} {word}" for word, number in count.items() if number or word == MET)
    return "\n".join([*lines, f"{len(verdicts)} bars: {told}"])


def _figure(verdict):
    if verdict["value"] is None:
        return f"of {verdict['turns']} turns" if verdict["verdict"] == OPEN else ""
    return "{value:.3f} ({low:.3f}-{high:.3f})".format(**verdict)

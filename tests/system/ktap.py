# SPDX-License-Identifier: GPL-2.0-only
"""Reads KTAP, the kernel's test output, as kernel selftests and their runner write it.

Subtests come in two spellings: indented by two spaces (KTAP), and behind "# " (what kselftest's runner makes
of the output of a program). Both precede the result line of their parent. Whatever does not add up is a
problem of the report, and a report with a problem has failed.
"""

import re
from dataclasses import dataclass, field

VERSION = re.compile(r"^K?TAP version \d+$")
PLAN = re.compile(r"^1\.\.(\d+)(?:\s+#\s*SKIP\b:?\s*(.*))?$", re.IGNORECASE)
RESULT = re.compile(r"^(not )?ok\b(?:\s+(\d+))?(?:\s+|$)(?:-\s+)?(.*)$")
DIRECTIVE = re.compile(r"(?:^|(?<=\s))#\s*(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b:?\s*(.*)$", re.IGNORECASE)
COMMENT = re.compile(r"(?:^|(?<=\s))#\s*(.*)$")


@dataclass
class Point:
    """One result line. directive is '' or in capitals; its reason may also stand behind a bare '#'."""

    number: int
    name: str
    ok: bool
    directive: str = ""
    reason: str = ""
    diagnostics: list = field(default_factory=list)
    inner: "Report | None" = None

    @property
    def skipped(self):
        return self.ok and self.directive == "SKIP"

    @property
    def failed(self):
        """What is expected to fail, and does, has not failed."""
        return not self.ok and self.directive not in ("TODO", "XFAIL")

    @property
    def title(self):
        """Some writers give a skipped point no name."""
        return self.name or self.reason or f"point {self.number}"


@dataclass
class Report:
    """One level of results. skipped is the reason when the plan says that there is nothing to do."""

    planned: int | None = None
    skipped: str | None = None
    points: list = field(default_factory=list)
    diagnostics: list = field(default_factory=list)
    problems: list = field(default_factory=list)

    def leaves(self, prefix=()):
        """(path, point) of all points that have no subtests, in order."""
        for point in self.points:
            path = (*prefix, point.title)
            if point.inner is not None and point.inner.points:
                yield from point.inner.leaves(path)
            else:
                yield path, point

    def failures(self, prefix=()):
        """What failed, a line or more each: points with their diagnostics, and problems of the format."""
        found = [": ".join((*prefix, problem)) for problem in self.problems]
        for point in self.points:
            path = (*prefix, point.title)
            inside = point.inner.failures(path) if point.inner else []
            if point.failed and not inside:
                why = " ".join(filter(None, (point.directive, point.reason if point.name else "")))
                head = ": ".join((*path, f"not ok ({why})" if why else "not ok"))
                said = point.inner.diagnostics if point.inner else point.diagnostics
                found.append("\n    ".join((head, *said)))
            elif inside and not point.failed and not point.directive:
                inside.append(": ".join((*path, "ok, but not what is in it")))
            found += inside
        return found

    def skips(self):
        """(path, reason) of what was skipped, whole subtests included."""
        for path, point in self.leaves():
            if point.inner is not None and point.inner.skipped is not None:
                yield path, point.inner.skipped or point.reason
            elif point.skipped:
                yield path, point.reason


def _unescape(text):
    return text.strip().replace("\\#", "#")


def _result(match, implied):
    rest = match[3]
    if directive := DIRECTIVE.search(rest):
        kind, reason = directive[1].upper(), directive[2].strip()
        rest = rest[:directive.start()]
    elif comment := COMMENT.search(rest):
        kind, reason = "", comment[1].strip()
        rest = rest[:comment.start()]
    else:
        kind, reason = "", ""
    return Point(int(match[2] or implied), _unescape(rest), not match[1], kind, reason)


def _split_nested(comments):
    """Comments before a result: (diagnostics, lines of a nested document or [])."""
    for start, line in enumerate(comments):
        if VERSION.match(line):
            return comments[:start], comments[start:]
    return comments, []


def _parse(lines):
    report = Report()
    seen_version = False
    indented, comments = [], []

    def close(point):
        said, nested = _split_nested(comments)
        if indented and nested:
            report.problems.append(f"{point.title}: subtests in two spellings")
        nested = indented or nested
        point.diagnostics = said
        if nested:
            point.inner = _parse(nested)

    for line in lines:
        line = line.rstrip("\r\n ")
        if line.startswith("  "):
            indented.append(line[2:])
        elif line == "#" or line.startswith("# "):
            comments.append(line[2:])
        elif VERSION.match(line):
            if seen_version:
                report.problems.append("a second version line")
            seen_version = True
        elif plan := PLAN.match(line):
            if report.planned is not None:
                report.problems.append("a second plan")
            report.planned = int(plan[1])
            if report.planned == 0:
                report.skipped = (plan[2] or "").strip()
        elif line.startswith("Bail out!"):
            report.problems.append(line)
        elif match := RESULT.match(line):
            wanted = len(report.points) + 1
            point = _result(match, wanted)
            if point.number != wanted:
                report.problems.append(f"{point.title}: number {point.number} where {wanted} is next")
            close(point)
            report.points.append(point)
            indented, comments = [], []
        elif line:
            # KTAP lets programs print what they like.
            comments.append(line)
    said, nested = _split_nested(comments)
    report.diagnostics = said
    if indented or nested:
        report.problems.append("subtests without the result line of their parent")
    if not seen_version:
        report.problems.append("no version line")
    if report.planned is None:
        report.problems.append("no plan")
    elif report.planned != len(report.points):
        report.problems.append(f"planned {report.planned} points, ran {len(report.points)}")
    return report


def parse(text):
    """The report in the output of a program."""
    return _parse(text.splitlines())

# SPDX-License-Identifier: GPL-2.0-only
"""The KTAP reader, on what selftests really print and on what they must not get away with. Needs no bed."""

import pytest

import ktap

RUNNER = """\
TAP version 13
1..3
# selftests: xenpv: modules.sh
# TAP version 13
# 1..2
# # taint mask 12288
# ok 1 layers_are_live
# ok 2 no_splat_since_load
# # Totals: pass:2 fail:0 skip:0
ok 1 selftests: xenpv: modules.sh
# selftests: xenpv: blkfront_io
# TAP version 13
# 1..0 # SKIP xenpv_blkfront has no disk here
ok 2 selftests: xenpv: blkfront_io # SKIP
# selftests: xenpv: idle.sh
# TAP version 13
# 1..2
# ok 1 counts
# # before 1
# # after 2
# not ok 2 nothing_moves
not ok 3 selftests: xenpv: idle.sh # exit=1
"""

INDENTED = """\
KTAP version 1
1..2
  KTAP version 1
  1..2
    KTAP version 1
    1..1
    ok 1 deepest
  ok 1 deeper
  # said before
  not ok 2 broken
not ok 1 suite
ok 2 other
"""


def document(*lines):
    return "\n".join(("TAP version 13", *lines)) + "\n"


def names(report):
    return ["/".join(path) for path, _ in report.leaves()]


def test_passing_points():
    report = ktap.parse(document("1..3", "ok 1 - first", "ok 2 second one", "ok"))
    assert names(report) == ["first", "second one", "point 3"]
    assert report.failures() == [] and not list(report.skips())


def test_failed_point_is_reported_with_what_was_said_before_it():
    report = ktap.parse(document("1..2", "# irrelevant", "ok 1 good", "# size was 1, is 2", "not ok 2 size"))
    assert report.failures() == ["size: not ok\n    size was 1, is 2"]


@pytest.mark.parametrize("line, directive, reason, name", [
    ("ok 1 rebind # SKIP disk is mounted", "SKIP", "disk is mounted", "rebind"),
    ("ok 1 # SKIP no disk", "SKIP", "no disk", ""),
    ("ok 1 rebind # skip: disk is mounted", "SKIP", "disk is mounted", "rebind"),
    ("ok 1 rebind # SKIP", "SKIP", "", "rebind"),
    ("ok 1 disk \\# SKIP of 3", "", "", "disk # SKIP of 3"),
    ("ok 1 SKIPPING works", "", "", "SKIPPING works"),
])
def test_skip(line, directive, reason, name):
    point, = ktap.parse(document("1..1", line)).points
    assert (point.directive, point.reason, point.name) == (directive, reason, name)
    assert point.skipped == (directive == "SKIP") and not point.failed


@pytest.mark.parametrize("line, failed", [
    ("not ok 1 later # TODO not written", False),
    ("not ok 1 known # XFAIL broken hardware", False),
    ("ok 1 # XFAIL known", False),
    ("ok 1 done # TODO", False),
    ("not ok 1 slow # TIMEOUT 300 seconds", True),
    ("not ok 1 # error no memory", True),
    ("not ok 1 broken # SKIP and failed", True),
    ("not ok 1 broken # exit=1", True),
])
def test_directives_and_failure(line, failed):
    report = ktap.parse(document("1..1", line))
    assert report.points[0].failed == failed
    assert len(report.failures()) == failed


def test_why_a_program_failed_is_kept():
    assert ktap.parse(document("1..1", "not ok 1 slow # TIMEOUT 300 seconds")).failures() == [
        "slow: not ok (TIMEOUT 300 seconds)"]
    assert ktap.parse(document("1..1", "not ok 1 broken # exit=127")).failures() == [
        "broken: not ok (exit=127)"]


@pytest.mark.parametrize("lines, problem", [
    (["1..2", "ok 1 a"], "planned 2 points, ran 1"),
    (["1..1", "ok 1 a", "ok 2 b"], "planned 1 points, ran 2"),
    (["1..0", "ok 1 a"], "planned 0 points, ran 1"),
    (["ok 1 a"], "no plan"),
    (["1..1", "1..1", "ok 1 a"], "a second plan"),
    (["1..2", "ok 1 a", "ok 3 b"], "number 3 where 2 is next"),
    (["1..2", "ok 1 a", "ok 1 b"], "number 1 where 2 is next"),
    (["1..2", "ok 1 a", "Bail out! no memory"], "Bail out! no memory"),
    (["1..1", "TAP version 13", "ok 1 a"], "a second version line"),
    (["1..1", "ok 1 a", "  KTAP version 1", "  1..1", "  ok 1 b"], "without the result line"),
])
def test_what_does_not_add_up_fails(lines, problem):
    assert any(problem in failure for failure in ktap.parse(document(*lines)).failures())


@pytest.mark.parametrize("text", ["", "sh: not found\n", "1..1\nok 1 a\n"])
def test_no_version_line_fails(text):
    assert "no version line" in ktap.parse(text).failures()


def test_plan_may_come_last():
    assert ktap.parse(document("ok 1 a", "ok 2 b", "1..2")).failures() == []


def test_whole_program_skipped():
    report = ktap.parse(document("1..0 # SKIP no disk here"))
    assert report.skipped == "no disk here" and report.failures() == []


def test_output_of_the_kernels_runner():
    report = ktap.parse(RUNNER)
    modules, disk, idle = report.points
    assert [point.title for point in modules.inner.points] == ["layers_are_live", "no_splat_since_load"]
    assert modules.inner.points[0].diagnostics == ["taint mask 12288"]
    assert disk.skipped and disk.inner.skipped == "xenpv_blkfront has no disk here"
    assert list(report.skips()) == [(("selftests: xenpv: blkfront_io",), "xenpv_blkfront has no disk here")]
    assert idle.failed
    assert report.failures() == [
        "selftests: xenpv: idle.sh: nothing_moves: not ok\n    before 1\n    after 2"]


def test_runners_program_that_died():
    text = document("1..1", "# selftests: xenpv: a", "# TAP version 13", "# 1..3", "# ok 1 x",
                    "not ok 1 selftests: xenpv: a # exit=139")
    assert "selftests: xenpv: a: planned 3 points, ran 1" in ktap.parse(text).failures()


def test_program_that_cannot_start_shows_why():
    text = document("1..1", "# selftests: xenpv: a", "# timeout: failed to run command './a'",
                    "not ok 1 selftests: xenpv: a # exit=126")
    assert "failed to run command" in ktap.parse(text).failures()[0]


def test_indented_subtests():
    report = ktap.parse(INDENTED)
    assert names(report) == ["suite/deeper/deepest", "suite/broken", "other"]
    assert report.failures() == ["suite: broken: not ok\n    said before"]


def test_parent_cannot_hide_a_failure():
    text = document("1..1", "  KTAP version 1", "  1..1", "  not ok 1 inside", "ok 1 outside")
    assert ktap.parse(text).failures() == ["outside: inside: not ok", "outside: ok, but not what is in it"]


def test_what_else_a_program_prints_is_kept():
    report = ktap.parse(document("1..1", "random words", "not ok 1 a"))
    assert report.points[0].diagnostics == ["random words"]

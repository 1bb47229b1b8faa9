# SPDX-License-Identifier: GPL-2.0-only
"""What packaging/package.sh says when it cannot do what it is asked, in trees that have little in them."""

import shutil
import subprocess

import pytest

from rooms import REPO

CHANGELOG = "xenpv (1.2.3) bookworm; urgency=medium\n\n  * x\n\n -- x <x@y>  Mon, 23 Nov 2026 12:00:00 +0000\n"
SPEC = "Name: xenpv\nVersion: 1.2.3\n"


@pytest.fixture
def tree(tmp_path):
    """A repository with the script, a version, and a spec of the same version."""
    for name, text in (("debian/changelog", CHANGELOG), ("packaging/rpm/xenpv.spec", SPEC)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    shutil.copy(REPO / "packaging/package.sh", tmp_path / "packaging")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "add", "-A"], check=True)
    return tmp_path


def fails(tree, *arguments, **options):
    """It ends with an error, and says what failed and what to do."""
    done = subprocess.run(["/bin/bash", tree / "packaging/package.sh", *arguments], text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    print(done.stdout)
    assert done.returncode == 1
    assert "package: failed: " in done.stdout and "package: what to do: " in done.stdout
    assert not list((tree / "build").glob("packages/*.deb")) and not list((tree / "build").glob("packages/.work*"))
    return done.stdout


@pytest.mark.parametrize("kind", ["", "tar"])
def test_no_such_kind(tree, kind):
    assert f"'{kind}' is no kind of package" in fails(tree, kind)


def test_no_repository(tree):
    shutil.rmtree(tree / ".git")
    assert "not a git repository" in fails(tree, "deb")


def test_a_tool_is_missing(tree):
    few = tree / "few"
    few.mkdir()
    for name in ("dirname", "git"):
        (few / name).symlink_to(shutil.which(name))
    assert "dpkg-buildpackage is not installed\npackage: what to do: run 'make setup'" in fails(
        tree, "deb", env={"PATH": str(few)})


def test_a_changelog_without_a_version(tree):
    (tree / "debian/changelog").write_text("xenpv (one) bookworm\n", encoding="utf-8")
    assert "debian/changelog: 'one' is no version" in fails(tree, "deb")


def test_versions_that_differ(tree):
    (tree / "packaging/rpm/xenpv.spec").write_text(SPEC.replace("1.2.3", "1x2.3"), encoding="utf-8")
    assert "has another version than debian/changelog, 1.2.3" in fails(tree, "srpm")


def test_a_build_that_fails(tree):
    """The end of what the tool said is shown; debian/control is missing here."""
    said = fails(tree, "deb")
    assert "dpkg-buildpackage" in said and "control" in said

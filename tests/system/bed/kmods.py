# SPDX-License-Identifier: GPL-2.0-only
"""Picks kernel modules, with what they depend on, out of a full module tree."""

import lzma
import shutil
from pathlib import Path

from .layout import run


def canonical(name):
    """Module names are the same with '-' and '_'; the kernel prints them with '_'."""
    return Path(name).name.split(".ko")[0].replace("-", "_")


def _modules(tree):
    """By name, as paths below tree."""
    listed = tree / "modules.dep"
    if listed.exists():
        paths = [line.partition(":")[0] for line in listed.read_text().splitlines()]
    else:
        paths = [str(path.relative_to(tree)) for path in tree.rglob("*.ko*")]
    return {canonical(path): path for path in paths}


def _needs(tree):
    """A function from a name to what that needs. To make the list for all modules, depmod unpacks thousands; where
    nobody has done it the few that are wanted are asked themselves."""
    listed = tree / "modules.dep"
    if listed.exists():
        needs = {canonical(path): rest.split() for path, _, rest in
                 (line.partition(":") for line in listed.read_text().splitlines())}
        return lambda name: needs[name]
    paths = _modules(tree)
    return lambda name: list(filter(None, run(["modinfo", "-F", "depends", tree / paths[name]], timeout=20)
                                    .decode().strip().split(",")))


def closure(tree, names):
    """Paths relative to tree (a lib/modules/VERSION), in an order in which they can be inserted."""
    paths, needs = _modules(tree), _needs(tree)
    order = []

    def visit(name):
        if paths[name] in order:
            return
        for need in needs(name):
            visit(canonical(need))
        order.append(paths[name])

    builtin = {canonical(line) for line in (tree / "modules.builtin").read_text().split()}
    for name in map(canonical, names):
        if name not in builtin:
            visit(name)
    return order


def known(tree, names):
    """Those that the kernel has as modules: what is one in one series is built in, or gone, in another."""
    there = _modules(tree)
    return [name for name in names if canonical(name) in there]


def copy(source, target):
    """Unpacked: what loads modules early cannot do that itself. Returns where it is."""
    if source.suffix != ".xz":
        return Path(shutil.copy(source, target))
    target = target.with_suffix("")
    target.write_bytes(lzma.decompress(source.read_bytes()))
    return target


def copy_tree(source, target, names):
    """Copies a closure, and the lists depmod needs, to target (another lib/modules/VERSION)."""
    target.mkdir(parents=True)
    for extra in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / extra, target / extra)
    for path in closure(source, names):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        copy(source / path, target / path)

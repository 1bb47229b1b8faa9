# SPDX-License-Identifier: GPL-2.0-only
"""Picks kernel modules, with what they depend on, out of a full module tree."""

import shutil
from pathlib import Path


def canonical(name):
    """Module names are the same with '-' and '_'; the kernel prints them with '_'."""
    return Path(name).name.split(".ko")[0].replace("-", "_")


def closure(tree, names):
    """Paths relative to tree (a lib/modules/VERSION), in an order in which they can be inserted."""
    depends = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        depends[canonical(path)] = (path, needs.split())
    order = []

    def visit(name):
        path, needs = depends[canonical(name)]
        for need in needs:
            visit(need)
        if path not in order:
            order.append(path)

    builtin = {canonical(line) for line in (tree / "modules.builtin").read_text().split()}
    for name in names:
        if canonical(name) not in builtin:
            visit(name)
    return order


def copy_tree(source, target, names):
    """Copies a closure, and the lists depmod needs, to target (another lib/modules/VERSION)."""
    target.mkdir(parents=True)
    for extra in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / extra, target / extra)
    for path in closure(source, names):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / path, target / path)

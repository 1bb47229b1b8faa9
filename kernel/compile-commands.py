#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""compile-commands.py KDIR [ROOT]: writes ROOT/compile_commands.json from what kbuild
left behind, C and C++, for clangd and clang-tidy.  Flags that only gcc knows are
dropped: the file is for reading code, not for building it."""
import json
import pathlib
import re
import shlex
import sys

GCC_ONLY = re.compile(
    r'-m(preferred-stack-boundary|indirect-branch|function-return|record-mcount|skip-rax-setup|80387|no-80387)\b.*'
    r'|-mno-(80387|fp-ret-in-387)|-mharden-sls=.*|-f(no-)?(allow-store-data-races|conserve-stack|gnu-unique'
    r'|check-new|var-tracking-assignments|stack-clash-protection|ipa-\S+|reorder-blocks.*|tree-\S+)'
    r'|-fmin-function-alignment=.*|-f?align-(jumps|loops|functions|labels)(=.*)?|-ftrivial-auto-var-init=.*'
    r'|-fzero-call-used-regs=.*|-fplugin.*|-fcheck-new|-Wp,-MM?D,.*'
    r'|-W(no-)?(maybe-uninitialized|alloc-size-larger-than.*|stringop-\S+|restrict|packed-not-aligned'
    r'|unused-but-set-variable|format-(truncation|overflow)|dangling-pointer|array-bounds|imply\S+'
    r'|error=designated-init|designated-init|zero-length-bounds|cast-function-type|address-of-packed-member)'
    r'|-Wimplicit-fallthrough=\d|-Werror=designated-init|--param=?.*|allow-store-data-races=0')
COMMAND = re.compile(r'^(?:saved)?cmd_\S+ := (.*?-c -o \S+ (\S+\.(?:c|cc)))(?:\s|$)')


def entry(kdir: str, cmd: pathlib.Path) -> dict | None:
    lines = cmd.read_text().splitlines()
    found = COMMAND.match(lines[0]) if lines else None
    if not found or found[2].endswith('.mod.c'):
        return None
    words = shlex.split(found[1].replace('$(pound)', '#'))
    return {'directory': kdir, 'file': found[2], 'arguments': [w for w in words if not GCC_ONLY.fullmatch(w)]}


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    kdir = str(pathlib.Path(sys.argv[1]).resolve())
    root = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else '.').resolve()
    scratch = root / 'build'
    cmds = [c for c in root.rglob('.*.o.cmd') if scratch not in c.parents]
    entries = [e for c in cmds if (e := entry(kdir, c))]
    entries.sort(key=lambda e: e['file'])
    (root / 'compile_commands.json').write_text(json.dumps(entries, indent=1) + '\n')
    print(f'{len(entries)} entries')
    return 0 if entries else 1


sys.exit(main())

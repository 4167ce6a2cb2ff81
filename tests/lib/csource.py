# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree's C sources as the scripts tests/check-* see them: files, code without
comments and strings, functions and variables. It knows the house's format, not C."""

import os
import re
import sys

SRCDIR = os.environ.get("srcdir", ".")

TOKEN = re.compile(
    r"""(?P<block>/\*.*?\*/)|(?P<line>//[^\n]*)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<char>'(?:\\.|[^'\\\n])*')""",
    re.S,
)


def files(*rooms):
    """Relative names of the .c and .h files below these directories, sorted."""
    found = []
    for room in rooms:
        for folder, dirs, names in os.walk(os.path.join(SRCDIR, room)):
            dirs[:] = [d for d in dirs if not d.startswith(".") and d != "__pycache__"]
            found += [
                os.path.relpath(os.path.join(folder, n), SRCDIR)
                for n in names
                if n.endswith((".c", ".h"))
            ]
    if not found and "src" in rooms and os.path.isdir(os.path.join(SRCDIR, "src")):
        sys.exit("no sources found below " + SRCDIR)
    return sorted(found)


def read(name):
    with open(os.path.join(SRCDIR, name), encoding="utf-8") as f:
        return f.read()


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def blank(match):
    """As long as what was there, with its line feeds."""
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    return TOKEN.sub(lambda m: blank(m) if m["block"] or m["line"] else m.group(), text)


def without_strings(text):
    """Neither comments nor what stands between quotes."""
    return TOKEN.sub(blank, text)


def without_directives(code):
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.)*(?:\\\n(?:[^\n\\]|\\.)*)*", blank, code, flags=re.M)


class Item:
    """One thing at file scope: a function, a variable, a type, a prototype."""

    def __init__(self, code, start, end, body):
        self.text = code[start:end]
        self.head = code[start : body if body is not None else end]
        self.line = line_of(code, start)
        self.end_line = line_of(code, end - 1)
        self.body_line = line_of(code, body) if body is not None else None
        self.body = code[body:end] if body is not None else ""

    def is_function(self):
        return bool(self.body) and self.head.rstrip().endswith(")") and "=" not in self.head

    def n_lines(self):
        return self.end_line - self.line + 1


def items(text):
    """Splits a source at file scope. Brace and parenthesis counting is enough here."""
    code = without_directives(without_strings(text))
    # Macro calls that stand alone end in no semicolon.
    code = re.sub(r"^[A-Z][A-Z0-9_]*\([^;{}]*?\)[ \t]*$", blank, code, flags=re.M)
    found, start, body, depth = [], None, None, 0
    for i, c in enumerate(code):
        if start is None:
            if c.isspace() or c == ";":
                continue
            start, body = i, None
        if c == "{":
            if depth == 0 and body is None:
                body = i
            depth += 1
        elif c == "}":
            depth -= 1
        if depth > 0 or c not in ";}":
            continue
        item = Item(code, start, i + 1, body)
        if c == ";" or item.is_function():
            found.append(item)
            start = None
    return found


def functions(text):
    return [i for i in items(text) if i.is_function()]


def report(errors, rule):
    """Prints what is wrong and what would be right, and ends the script."""
    for e in errors:
        print(e)
    if errors:
        print("%d found. %s" % (len(errors), rule))
    sys.exit(1 if errors else 0)

"""The package's docstrings are written to be read as they are; this sets them as pages.

Asterisks and backticks get the meaning that they have for a reader, the names of the
package and the sections of the note become links, and the rest is left to Sphinx.
"""

import re

import natgrad

# A line that names parameters and their types, and one that starts an example.
TYPED = re.compile(r"(\s*\w[\w, ]*) : (.*)")
SECTIONS = re.compile(r"\bsections? \d\.\d(?:(?:, | and | to )\d\.\d)*")


def linked(name):
    """A name of the package as a link to it, anything else as it is."""
    if name not in natgrad.__all__:
        return None
    target = getattr(natgrad, name)
    return f":py:obj:`{name} <{target.__module__}.{name}>`"


def prose(line):
    line = re.sub(r"([*|\\])", r"\\\1", line)
    line = re.sub(r"`([^`]+)`", lambda m: linked(m[1]) or f"``{m[1]}``", line)
    section = lambda m: f":ref:`{m[0]} <sec-{m[0].replace('.', '-')}>`"
    return SECTIONS.sub(lambda m: re.sub(r"\d\.\d", section, m[0]), line)


def set_docstring(app, what, name, obj, options, lines):
    example, found = False, []
    for line in lines:
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>> "))
        typed = TYPED.fullmatch(line)
        if example:
            found.append(line)
        elif typed:
            names, kind = typed.groups()
            kind = re.sub(r"\w+", lambda m: linked(m[0]) or m[0], prose(kind))
            found.append(f"{names} : {kind}")
        else:
            # References become a list: footnotes would be numbered for the whole page.
            line = re.sub(r"^(\s*)\.\. \[(\d)\]", r"\1\2.", prose(line))
            found.append(re.sub(r"\[(\d)\]_", r"[\1]", line))
    lines[:] = found


def skip(app, what, name, obj, skipped, options):
    """The fields of a named tuple, of which Python says no more than their number."""
    return (getattr(obj, "__doc__", "") or "").startswith("Alias for field") or None


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    # Before napoleon takes the sections apart.
    app.connect("autodoc-process-docstring", set_docstring, priority=400)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

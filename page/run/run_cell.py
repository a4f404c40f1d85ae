"""Runs a cell as Jupyter does, in the reader's browser, and sends what it shows as outputs of the notebook format."""

import ast
import base64
import builtins
import importlib.util
import io
import json
import linecache
import os
import re
import sys
import time
import traceback
import warnings

from pretty import pretty  # IPython's own

import __main__

FORMATS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
    "text/latex": "_repr_latex_",
}
LONGEST = 200_000  # characters that one cell may print: more would only freeze the page

ABSENT = """
There is no {} in the page. What is there: Python's own library, numpy, sympy, matplotlib and natgrad.
With everything else this cell runs in Jupyter: the notebook is in the menu at the top of the page.
"""
COMMAND = """
A line that begins with {} is a command to Jupyter, not Python, which is all that the page has.
"""


class Outputs:
    """What a cell shows, sent as it comes, as the outputs of a notebook."""

    def __init__(self, send):
        self.send, self.printed, self.unsent, self.sent_at = send, 0, ("stdout", ""), 0.0

    def add(self, kind, **content):
        self.flush()
        self.send(json.dumps({"output_type": kind, **content}))

    def print(self, name, text):
        room = max(0, LONGEST - self.printed)
        self.printed += len(text)
        if len(text) > room > 0:
            text = text[:room] + f"\n(only the first {LONGEST:,} characters are shown)\n"
        elif room == 0:
            return
        if name != self.unsent[0]:
            self.flush()
        self.unsent = (name, self.unsent[1] + text)
        if time.monotonic() - self.sent_at > 0.1:  # not at every write: messages are slow
            self.flush()

    def flush(self):
        name, text = self.unsent
        if text:
            self.unsent, self.sent_at = (name, ""), time.monotonic()
            self.send(json.dumps({"output_type": "stream", "name": name, "text": text}))


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of the running cell."""

    def __init__(self, name):
        self.name = name

    def writable(self):
        return True

    def write(self, text):
        outputs.print(self.name, text)
        return len(text)


outputs = None  # of the running cell


def bundle(value):
    """A value in every format that it has, and its metadata."""
    data, metadata = {"text/plain": pretty(value)}, {}
    if isinstance(value, type):  # the methods are for its instances
        return data, metadata
    if hasattr(value, "_repr_mimebundle_"):
        own = value._repr_mimebundle_(include=None, exclude=None)
        own, metadata = own if isinstance(own, tuple) else (own, {})
        data |= own
    for mime, method in FORMATS.items():
        own = getattr(value, method, lambda: None)()
        own, metadata = own if isinstance(own, tuple) else (own, metadata)
        if own is not None:
            data[mime] = base64.b64encode(own).decode() if isinstance(own, bytes) else own
    if type(value).__module__ == "matplotlib.figure" and hasattr(value, "savefig"):
        data["image/svg+xml"] = drawn(value)
    return data, metadata


def drawn(figure):
    from natgrad_book import figures

    return figures.show(figure)._repr_svg_()


def display(*values):
    """Show values in the middle of a cell, as in Jupyter."""
    for value in values:
        data, metadata = bundle(value)
        outputs.add("display_data", data=data, metadata=metadata)


def display_open_figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        for number in pyplot.get_fignums():
            display(pyplot.figure(number))
        pyplot.close("all")


def execute(source, name):
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), vars(__main__))
    if last is not None:
        value = eval(compile(ast.Expression(last.value), name, "eval"), vars(__main__))
        if value is not None and not source.rstrip().endswith(";"):
            __main__._ = value
            data, metadata = bundle(value)
            outputs.add("execute_result", data=data, metadata=metadata)
    display_open_figures()


def run(source, name, send):
    """Run a cell; its traceback calls it by the name. Gives whether it ran to its end."""
    global outputs
    outputs = Outputs(send)
    streams, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), Stream("stdout"), Stream("stderr")
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # tracebacks quote it
    vars(__main__).pop("__warningregistry__", None)  # a cell that runs again warns again
    try:
        execute(source, name)
    except BaseException as error:
        report(error, name)
        return False
    finally:
        outputs.flush()
        sys.stdout, sys.stderr = streams
    return True


def report(error, name):
    """Send the traceback that Python prints, from the cell on; or what the error itself shows, as IPython does."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename != name:
        frames = frames.tb_next
    own = getattr(error, "_render_traceback_", None)
    lines = own() if own else traceback.format_exception(error.with_traceback(frames))
    if isinstance(error, ModuleNotFoundError):
        package = str(error.name).partition(".")[0]
        if not importlib.util.find_spec(package):
            lines.append(ABSENT.format(package))
    elif isinstance(error, SyntaxError) and (sign := (error.text or "").strip()[:1]) in {*"%!?"}:
        lines.append(COMMAND.format(sign))
    outputs.add("error", ename=type(error).__name__, evalue=str(error), traceback=lines)


def ask(prompt=""):
    raise RuntimeError("`input` can't ask for anything in the page: write the answer into the cell.")


def draws(source):
    """Whether a cell needs matplotlib, which natgrad_book.figures imports: not if it only imports the module."""
    rest = re.sub(r"^from natgrad_book import figures$", "", source, flags=re.MULTILINE)
    return bool(re.search(r"\bfigures\b", rest))


def import_figures_when_used():
    """Every chapter imports natgrad_book.figures at its start; matplotlib, a third of what is loaded, can wait."""
    spec = importlib.util.find_spec("natgrad_book.figures")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sys.modules["natgrad_book"].figures = module
    spec.loader.exec_module(module)


os.environ["MPLBACKEND"] = "agg"
warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # `plt.show()`: a cell's end shows figures
os.chdir(os.path.dirname(__file__))  # where the chapters' data are
__main__.display, builtins.input = display, ask
import_figures_when_used()

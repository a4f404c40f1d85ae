// Replaces the modules in archives by compiled ones: node compile_python.mjs FOLDER ARCHIVE...

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadPyodide } from "pyodide";

const [folder, ...names] = process.argv.slice(2);
const python = await loadPyodide();
python.runPython(`
import importlib._bootstrap_external as files
import zipfile

LEFT_OUT = ("/tests/", "/testing/_private/", "/test_data/", "/sample_data/", "/include/", ".pyi", ".pxd")


def compiled(source, path):
    code = compile(source, path, "exec", dont_inherit=True)
    return files._code_to_hash_pyc(code, bytes(8), False)  # never compared with a source


def compile_archive(source, target):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for entry in old.infolist():
            if any(part in "/" + entry.filename for part in LEFT_OUT):
                continue
            data = old.read(entry)
            if entry.filename.endswith(".py"):
                data = compiled(data, entry.filename)
                entry.filename += "c"
            new.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
`);
const compileArchive = python.globals.get("compile_archive");
for (const name of names) {
  python.FS.writeFile("/old", readFileSync(join(folder, name)));
  compileArchive("/old", "/new");
  writeFileSync(join(folder, name), python.FS.readFile("/new"));
}

// The Python of one page. Takes { id, name, code } and answers with { id, output } for each thing that the cell shows,
// and at last { id, ok }, or { id, failure } when Python itself can't be had.
// While files arrive it sends { loading: { names, received, expected } }, counted in bytes.

const here = new URL(".", import.meta.url);
const progress = { names: [], received: 0, expected: 0 };
let told = 0;
let lock;
let python;
let runner;

// Pyodide fetches its files itself; a second reader of each response counts the bytes.
const fetchUncounted = self.fetch.bind(self);
self.fetch = async (...request) => {
  const response = await fetchPatiently(...request);
  count(response.clone());
  return response;
};

// A download that fails is tried again, twice, before anybody is told.
async function fetchPatiently(...request) {
  for (const pause of [500, 2000]) {
    try {
      const response = await fetchUncounted(...request);
      if (response.status < 500) return response;
    } catch {
      // no connection
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return fetchUncounted(...request);
}

async function count(response) {
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    progress.received += part.value.length;
    if (performance.now() - told > 100) tell();
  }
}

function tell() {
  told = performance.now();
  postMessage({ loading: progress });
}

function withDependencies(names) {
  return [...new Set(names.flatMap((name) => [name, ...withDependencies(lock.packages[name].depends)]))];
}

function announce(names, packages, bytes = 0) {
  progress.names = names;
  progress.expected += withDependencies(packages)
    .filter((name) => !python?.loadedPackages[name])
    .reduce((sum, name) => sum + lock.packages[name].size, bytes);
  tell();
}

async function start() {
  const response = await fetchPatiently(new URL(`lock.json${new URL(import.meta.url).search}`, here));
  if (!response.ok) throw new Error(`lock.json is missing on the server (${response.status}).`);
  const { core, ...rest } = await response.json();
  lock = rest;
  for (const [name, entry] of Object.entries(lock.packages)) entry.name = name; // pillow calls itself Pillow
  announce(["Python", "numpy", "sympy"], ["cells", "sympy"], core.size);
  const { loadPyodide } = await import(new URL(`${core.folder}/pyodide.js`, here));
  python = await loadPyodide({
    indexURL: new URL(`${core.folder}/`, here).href,
    stdLibURL: new URL(core.library, here).href,
    packageBaseUrl: here.href,
    lockFileContents: lock,
    packages: ["cells", "sympy"],
  });
  insistOn(["cells", "sympy"]);
  runner = python.pyimport("run_cell");
}

// Pyodide only says on the console what it didn't get.
function insistOn(names) {
  const absent = withDependencies(names).filter((name) => !python.loadedPackages[name]);
  if (absent.length) throw new Error(`There was no ${absent.join(", ")} to be had from the server.`);
}

async function loadWhatIsImported(code) {
  const imports = python.pyimport("pyodide.code").find_imports(code).toJs();
  const names = Object.values(lock.packages)
    .filter((entry) => entry.imports.some((name) => imports.includes(name)))
    .map((entry) => entry.name);
  if (runner.draws(code)) names.push("matplotlib");
  const missing = [...new Set(names)].filter((name) => !python.loadedPackages[name]);
  if (missing.length) {
    announce(missing, missing);
    await python.loadPackage(missing, { messageCallback: () => {}, errorCallback: () => {} });
    insistOn(missing);
  }
}

let starting;
self.onmessage = async ({ data: { id, name, code } }) => {
  let trouble = "could not be loaded. Press Run again";
  try {
    await (starting ??= start());
    await loadWhatIsImported(code);
    trouble = "broke down. The next Run begins anew";
    postMessage({ id, started: true });
    const ok = runner.run(code, name, (output) => postMessage({ id, output: JSON.parse(output) }));
    postMessage({ id, ok });
  } catch (error) {
    postMessage({ id, failure: `Python ${trouble}. ${error}` });
  }
};

// Run, Edit, Reset, Stop: what a reader does with cells, and how long it takes until the first result.

import assert from "node:assert/strict";
import { BOOK, launch, report, serve, settle, violations, watch } from "../browser.mjs";

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const ended = { timeout: 120_000 };

async function open(context, url) {
  await context.addInitScript(() => localStorage.setItem("checks", "shown")); // every cell is to be seen
  const page = await context.newPage();
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const found = watch(page, url);
  await settle(page, `${url}chapters/1_natural_gradients.html`);
  const button = (name) => page.getByRole("button", { name, exact: true });
  const cell = (number) => page.locator(".cell:has(> .cell-controls)").nth(number - 1);
  const state = async (number, text) => cell(number).locator(".cell-state").filter({ hasText: text }).waitFor(ended);
  const output = async (number) => (await cell(number).locator(".cell_output").innerText()).trimEnd();
  const editor = page.getByRole("textbox", { name: "Python code of cell" });
  const write = async (number, code, keys = "ControlOrMeta+a") => {
    await button(`Edit cell ${number}`).click();
    await editor.press(keys);
    await page.keyboard.insertText(code);
  };
  const status = (text) =>
    page
      .getByRole("status")
      .filter({ hasText: text })
      .waitFor({ state: "attached", ...ended });
  return { page, found, requests, button, cell, state, output, editor, write, status };
}

// From Run to the first result: when a browser has nothing yet, and when it has all files.
const seconds = [];
async function clocked(run) {
  const began = performance.now();
  await run();
  seconds.push(((performance.now() - began) / 1000).toFixed(1));
}

const claims = {
  async "nothing is loaded before the first Run"({ requests }) {
    assert.deepEqual(
      requests.filter((request) => /python\/|katex\.min\.js/.test(request)),
      [],
    );
  },
  async "edits survive a reload, and can be thrown away"({ page, button, cell, write, state }) {
    const code = (number) => cell(number).locator("pre").first().innerText();
    const stored = await code(2);
    await write(2, "changed");
    await settle(page);
    await state(2, "changed, as you left it");
    assert.equal((await code(2)).trim(), "changed");
    page.on("dialog", (dialog) => dialog.accept());
    await button("Reset all cells that were changed").click();
    assert.equal(await code(2), stored);
    await settle(page);
    assert.equal(await code(2), stored);
    assert.equal(await button("Reset all cells that were changed").count(), 0);
    // Where nothing can be kept, leaving asks.
    await page.evaluate(() => {
      const { setItem } = Storage.prototype;
      Storage.prototype.setItem = function (name, value) {
        if (name.startsWith("cells")) throw new DOMException("", "QuotaExceededError");
        setItem.call(this, name, value);
      };
    });
    await write(2, "changed");
    assert.equal(await page.evaluate(() => typeof window.onbeforeunload), "function");
    await button("Reset cell 2").click();
    assert.equal(await page.evaluate(() => window.onbeforeunload), null);
    await settle(page);
  },
  async "a link carries a cell as its reader has it, and takes nothing away"({ page, button, cell, write, state }) {
    const code = (number) => cell(number).locator("pre").first().innerText();
    await write(2, 'print("γ → ½", 7 > 6)');
    await button("Link to cell 2 with this code").click();
    const address = page.url();
    await write(2, "mine");
    assert.doesNotMatch(await page.evaluate(() => location.hash), /=/);
    await page.goto(`${url}404.html`);
    await settle(page, address);
    await state(2, "changed, by the address of this page");
    assert.equal((await code(2)).trim(), 'print("γ → ½", 7 > 6)');
    assert.ok(await cell(2).evaluate((node) => Math.abs(node.getBoundingClientRect().top) < innerHeight));
    await button("Reset cell 2").click();
    for (const end of ["", "#cell-1-first-order-error=A"]) {
      await page.goto(`${url}404.html`);
      await settle(page, address.split("#")[0] + end);
      await state(2, "changed, as you left it");
      assert.equal((await code(2)).trim(), "mine");
    }
    // What another window has written stays there.
    await page.evaluate(() => {
      const name = `cells${location.pathname}`;
      localStorage.setItem(name, JSON.stringify({ ...JSON.parse(localStorage.getItem(name)), elsewhere: "theirs" }));
    });
    await write(2, "mine again");
    const kept = await page.evaluate(() => JSON.parse(localStorage.getItem(`cells${location.pathname}`)));
    assert.deepEqual(kept, { "cell-1-first-order-error": "mine again", elsewhere: "theirs" });
    await button("Reset cell 2").click();
  },
  async "the cells above run first"({ button, state, output }) {
    const stored = await output(3);
    await clocked(async () => {
      await button("Run cell 3").click();
      await state(3, "ran in");
    });
    await state(2, "ran in");
    assert.equal(await output(3), stored);
  },
  async "what a change above makes out of date is marked, and run again before what is below it"(reader) {
    const { page, button, cell, state, editor, output, write } = reader;
    const stored = await cell(2).locator("pre").first().innerText();
    await write(2, "\n", "ControlOrMeta+End");
    await state(3, "out of date, because of cell 2");
    await editor.press("ControlOrMeta+z");
    await state(2, "ran in");
    await state(3, "ran in");
    await write(2, "\n# changed", "ControlOrMeta+End");
    await page.keyboard.press("Shift+Enter");
    await state(2, "ran in");
    await state(3, "out of date, because of cell 2");
    await button("Run cell 4").click();
    await state(4, "ran in");
    await state(3, "ran in");
    assert.equal(await output(3), "array([1.965, 1.983, 1.991, 1.996, 1.998])");
    await button("Reset cell 2").click();
    assert.equal(await cell(2).locator("pre").first().innerText(), stored);
    await state(3, "out of date, because of cell 2");
    await button("Run cell 3").click();
    await state(2, "ran in");
    await state(3, "ran in");
    await state(4, "out of date, because of cell 2");
  },
  async "what the page doesn't have is said in a sentence"({ state, output, write, cell, page, button }) {
    await write(2, "import pandas");
    await page.keyboard.press("Shift+Enter");
    await state(2, "error");
    assert.match(await output(2), /ModuleNotFoundError.*There is no pandas in the page.*runs in Jupyter/s);
    await write(2, "ng.Dense(np.linalg.inv(np.ones((2, 2))))"); // as the first page says
    await page.keyboard.press("Shift+Enter");
    await cell(2).locator(".cell_output").filter({ hasText: "ValueError: `tensor` must be finite" }).waitFor(ended);
    await write(2, 'input("name?")');
    await page.keyboard.press("Shift+Enter");
    await cell(2).locator(".cell_output").filter({ hasText: "write the answer into the cell" }).waitFor(ended);
    await write(2, "%timeit 1 + 1");
    await page.keyboard.press("Shift+Enter");
    await cell(2).locator(".cell_output").filter({ hasText: "begins with % is a command to Jupyter" }).waitFor(ended);
    await write(2, "import PIL, matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('after')");
    await page.keyboard.press("Shift+Enter");
    await cell(2).locator(".cell_output img").waitFor(ended);
    assert.equal(await output(2), "after"); // and no warning
    await button("Reset cell 2").click();
  },
  async "an error is shown as Python shows it"({ page, state, output, write }) {
    await write(3, "def f(x):\n    return 1 / x\n\nf(0)");
    await page.keyboard.press("Shift+Enter");
    await state(3, "error");
    const expected = [
      "Traceback (most recent call last):",
      '  File "<cell 3>", line 4, in <module>',
      "    f(0)",
      "    ~^^^",
      '  File "<cell 3>", line 2, in f',
      "    return 1 / x",
      "           ~~^~~",
      "ZeroDivisionError: division by zero",
    ];
    assert.equal(await output(3), expected.join("\n"));
  },
  async "so is code that is not Python"({ page, state, output, write }) {
    await write(3, "f(");
    await page.keyboard.press("Shift+Enter");
    await state(3, "error");
    assert.equal(await output(3), "  File \"<cell 3>\", line 1\n    f(\n     ^\nSyntaxError: '(' was never closed");
  },
  async "what comes after an error does not run"({ button, state }) {
    await button("Run cell 5").click();
    await state(5, "not run, because cell 3 ended with an error");
  },
  async "prints, values and formulas come in their order"({ page, state, cell, write }) {
    await write(3, 'print("one")\ndisplay(sp.sqrt(2))\nprint("two")\n{"three": [3.0] * 3}');
    await page.keyboard.press("Shift+Enter");
    await state(3, "ran in");
    await cell(3).locator(".katex-display").waitFor();
    const kinds = await cell(3)
      .locator(".cell_output > *")
      .evaluateAll((shown) => shown.map((each) => each.classList[1]));
    assert.deepEqual(kinds, ["stream", "text_latex", "stream", "text_plain"]);
    assert.equal((await cell(3).locator(".text_plain").innerText()).trim(), "{'three': [3.0, 3.0, 3.0]}");
  },
  async "what is shown passes axe"({ page, state, write }) {
    await write(3, 'print("wide " * 100)\nprint("long\\n" * 100)\ndisplay(sp.Matrix(range(40)).T)\n1 / 0');
    await page.keyboard.press("Shift+Enter");
    await state(3, "error");
    assert.deepEqual(await violations(page, ".python-controls", ".cell"), []);
  },
  async "Tab indents, Escape leaves the editor"({ page, editor, cell }) {
    await editor.focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText("if True:\n");
    await page.keyboard.press("Tab");
    assert.equal(await cell(3).locator(".cm-line").nth(1).textContent(), "    ");
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Run cell 3");
  },
  async "every key reaches the editor"({ page, editor }) {
    await editor.press("ControlOrMeta+a");
    await page.keyboard.press("Delete");
    const keys = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
    for (const key of keys) await page.keyboard.press(key === " " ? "Space" : key);
    assert.equal(await editor.innerText(), keys.join(""));
    await page.keyboard.press("Control+k");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Backspace");
    assert.equal(await editor.innerText(), keys.join("").replace("}~", "~"));
    assert.equal(await page.evaluate(() => document.activeElement.closest(".cell-editor") !== null), true);
    await page.keyboard.press("Escape"); // elsewhere the keys of the search are what they were
    await page.keyboard.press("Control+k");
    assert.equal(await page.evaluate(() => document.querySelector("dialog").open), true);
    await page.keyboard.press("Escape");
  },
  async "Stop ends what would not end, and the next Run begins anew"({ page, button, state, write, status, output }) {
    await write(3, "from itertools import count\nfor i in count():\n    print(i)");
    await page.keyboard.press("Shift+Enter");
    await state(3, "running");
    await page.locator(".cell_output .stream").first().waitFor();
    await button("Stop Python").click();
    await state(3, "stopped");
    await status("Stopped.");
    await write(3, "'rng' in vars(), 'misses' in vars()");
    await clocked(async () => {
      await page.keyboard.press("Shift+Enter");
      await state(3, "ran in");
    });
    assert.equal(await output(3), "(True, False)");
  },
  async "Restart begins anew, too"({ button, state, status, write, page, output }) {
    await button("Restart Python").click();
    await status("What was computed is forgotten");
    await write(3, "'rng' in vars(), 'misses' in vars()");
    await page.keyboard.press("Shift+Enter");
    await state(3, "ran in");
    assert.equal(await output(3), "(True, False)");
  },
  async "Reset brings back what is stored"({ button, cell, output }) {
    assert.equal(await output(3), "(True, False)");
    await button("Reset cell 3").click();
    assert.equal(await output(3), "array([1.965, 1.983, 1.991, 1.996, 1.998])");
    assert.equal(await cell(3).locator(".cell-editor").count(), 0);
    assert.match(await cell(3).locator("pre").first().innerText(), /^misses = /);
  },
};

const reader = await open(await browser.newContext(), url);
problems.push(reader.found);
for (const [claim, check] of Object.entries(claims)) {
  try {
    await check(reader);
  } catch (error) {
    problems.push([`${claim}: ${error.message}`]);
  }
}

// What a server can get wrong is said in words. Where Run again may help, it does.
const wrongs = {
  "worker.js is missing on the server (404)": "worker.js",
  "lock.json is missing on the server (404)": "lock.json",
  "Failed to fetch dynamically imported module": "pyodide.js",
  "There was no numpy": /numpy-.*whl$/,
  "There was no matplotlib": /matplotlib-.*whl$/,
};
let wrong;
const server = await serve(BOOK, (path) => (wrong && path.match(wrong.file) ? wrong : {}));
async function meet({ page }, said) {
  await page.locator(".cell:has(figure)").first().getByRole("button", { name: "Run" }).click();
  const status = page.getByRole("status");
  const told = status.filter({ hasText: said }).waitFor({ state: "attached", timeout: 60_000 });
  await told.catch(async () => problems.push([`${said}: ${await status.textContent()}`]));
  return status.textContent();
}
// On one page, in the order in which they are loaded: who is told of the next has got over the one before.
const patient = await open(await browser.newContext(), server.url);
for (const [said, file] of Object.entries(wrongs)) {
  wrong = { file, status: 404 };
  if (!(await meet(patient, said)).includes("Press Run again.")) problems.push([`${said}: and then?`]);
}
wrong = undefined;
try {
  const { page, button, cell, state, status, write } = patient;
  const cells = await page
    .locator(".cell:has(> .cell-controls)")
    .evaluateAll((all) => all.map((one) => one.querySelector("figure") !== null));
  const number = cells.indexOf(true) + 1;
  const picture = cell(number).locator("figure img");
  const stored = await picture.getAttribute("alt");
  await button(`Run cell ${number}`).click();
  await status("and those above it have run");
  await state(number, "ran in");
  assert.equal(await picture.getAttribute("alt"), stored);
  // A changed figure has its own description, and keeps its caption.
  await write(number, "# changed\n", "ControlOrMeta+Home");
  await page.keyboard.press("Shift+Enter");
  await state(number, "ran in");
  assert.ok((await picture.getAttribute("alt")).includes(`changed code of cell ${number}`));
  assert.match(await cell(number).locator("figcaption").innerText(), /^Figure 1.1/);
} catch (error) {
  problems.push([`what is mended runs, and a changed figure has its own description: ${error.message}`]);
}
// A browser keeps what it got, so that one has to begin anew.
wrong = { file: "worker.js", type: "application/octet-stream" };
const helpless = await meet(
  await open(await browser.newContext(), server.url),
  "worker.js as application/octet-stream, which browsers don't run; it has to be text/javascript",
);
if (helpless.includes("Press Run again.")) problems.push([`Run again is no help: ${helpless}`]);
await server.close();
await browser.close();
await close();
const count = Object.keys(claims).length;
report(
  "live cells",
  problems.flat(),
  `${count} claims hold; from Run to the first result ${seconds.join(" s, when begun anew ")} s`,
);

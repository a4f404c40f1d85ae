// Firefox, WebKit and Chromium run cells, have them edited with every key pressed, and figures dragged.
// `node check_browsers.mjs WebKit` is one of them. With an address it is another server's book.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BOOK, report, serve } from "../browser.mjs";
import { browsers, megabytes } from "./drive.mjs";

const CHAPTERS = join(BOOK, "..", "..", "chapters");
const joined = (text) => (Array.isArray(text) ? text.join("") : text);
const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, k) => 32 + k));

const state = (number, text) => {
  const cell = document.querySelectorAll(".cell:has(> .cell-controls)")[number - 1];
  return cell.querySelector(".cell-state").textContent.includes(text);
};
const output = (number) =>
  document.querySelectorAll(".cell:has(> .cell-controls)")[number - 1].querySelector(".cell_output").innerText.trim();
const text = () => document.querySelector(".cm-content").innerText.trim();

const claims = {
  async "all cells of a chapter give what the notebook stores"(page, url) {
    const name = "2_mahalanobis_distances";
    const { cells } = JSON.parse(readFileSync(join(CHAPTERS, `${name}.ipynb`), "utf8"));
    const stored = cells.filter((cell) => cell.cell_type === "code").map(({ outputs }) => outputs);
    await page.open(`${url}chapters/${name}.html`);
    await page.evaluate(() => {
      window.shown = {};
      const number = (event) => [...document.querySelectorAll(".cell:has(> .cell-controls)")].indexOf(event.target);
      const keep = (event) => (window.shown[number(event)] ??= []).push(event.detail);
      addEventListener("click", () => (window.pressed = performance.now()), { capture: true, once: true });
      addEventListener("cell-output", () => (window.first = performance.now() - window.pressed), { once: true });
      addEventListener("cell-output", keep);
      addEventListener("cell-end", keep);
    });
    await page.click('[aria-label="Run all cells"]');
    const done = (last) => window.shown[last]?.includes("ran") || Object.values(window.shown).flat().includes("failed");
    await page.until(done, stored.length - 1);
    const [shown, first] = await page.evaluate(() => [window.shown, window.first]);
    page.figures = `the first result after ${(first / 1000).toFixed(1)} s, ${megabytes().toFixed(0)} MB after all cells`;
    for (const [k, outputs] of stored.entries()) {
      const texts = (list) => list.map(({ text, data }) => [text, data].map((one) => sorted(one)));
      const here = shown[k].filter((one) => one.output_type);
      assert.equal(JSON.stringify(texts(here)), JSON.stringify(texts(outputs)), `cell ${k + 1}`);
    }
  },
  async "every printable key reaches the editor, and so do the usual shortcuts"(page, url) {
    await page.open(`${url}chapters/1_natural_gradients.html`);
    const stored = await page.evaluate(output, 3);
    await page.click('[aria-label="Run cell 3"]');
    await page.until(state, 3, "ran in");
    assert.equal(await page.evaluate(output, 3), stored);
    await page.click('[aria-label="Edit cell 3"]');
    await page.until(() => document.activeElement.matches(".cm-content"));
    const typed = `x = r"""${PRINTABLE.replace('"', "'")} """`;
    await page.press(["Control", "a"]);
    await page.type(`${typed}\nfor c in x[:2]:\nprint(ord(c))`);
    await page.press(["Shift", "Enter"]);
    await page.until(state, 3, "ran in");
    assert.equal(await page.evaluate(output, 3), "32\n33", "the keys, and a new line that is indented by itself");
    await page.press(["Control", "a"]);
    await page.type("print(x.rstrip(), 6/4, end='!')");
    await page.press(["Control", "k"]);
    assert.equal(
      await page.evaluate(() => document.querySelectorAll("dialog[open], .search-button__wrapper.show").length),
      0,
    );
    await page.press(["Shift", "Enter"]);
    await page.until(state, 3, "ran in");
    assert.equal(await page.evaluate(output, 3), `${PRINTABLE.replace('"', "'")} 1.5!`.trim());
    await page.press(["Control", "a"], "Backspace");
    assert.equal(await page.evaluate(text), "");
    await page.press(["Control", "z"]);
    assert.match(await page.evaluate(text), /^print/);
    await page.press("Escape");
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Run cell 3");
  },
  async "a figure follows the mouse and the keys"(page, url) {
    await page.open(`${url}chapters/2_mahalanobis_distances.html`);
    const handle = "natgrad-ball [data-handle=gradient]";
    const value = () => document.querySelector("natgrad-ball [data-handle=gradient]").ariaValueText;
    const before = await page.until(value);
    const [x, y] = await page.place(`${handle} .mark`);
    await page.drag([x, y], [x - 20, y + 20], [x - 40, y + 30]);
    const dragged = await page.evaluate(value);
    assert.notEqual(dragged, before);
    await page.evaluate((selector) => document.querySelector(selector).focus(), handle);
    await page.press("ArrowLeft", "ArrowLeft");
    const pressed = await page.evaluate(value);
    const numbers = (text) =>
      text
        .replaceAll("−", "-")
        .match(/-?\d+(\.\d+)?/g)
        .map(Number);
    assert.ok(Math.abs(numbers(pressed)[0] - numbers(dragged)[0] + 0.2) < 1e-9, `${dragged}, then ${pressed}`);
  },
};

function sorted(one) {
  if (one === undefined || typeof one === "string" || Array.isArray(one)) return joined(one);
  return Object.entries(one)
    .sort()
    .map(([kind, content]) => [kind, typeof content === "object" && !Array.isArray(content) ? "" : joined(content)]);
}

const address = process.argv.find((argument) => argument.startsWith("http"));
const { url, close } = address ? { url: address, close() {} } : await serve();
const wanted = process.argv.slice(2).filter((argument) => argument !== address);
const problems = [];
const seen = [];
for (const [name, launch] of Object.entries(browsers())) {
  if (wanted.length && !wanted.includes(name)) continue;
  if (!launch) {
    problems.push(`${name} is not installed: make browsers`);
    continue;
  }
  const page = await launch();
  try {
    await page.open(url);
    await page.evaluate(() => localStorage.setItem("checks", "shown")); // every cell is to be seen
    for (const [claim, check] of Object.entries(claims)) {
      const began = performance.now();
      try {
        await check(page, url);
        console.log(`        ${page.name}: ${claim} (${((performance.now() - began) / 1000).toFixed(0)} s)`);
      } catch (error) {
        problems.push(`${page.name}: ${claim}: ${error.message}`);
      }
    }
    if (page.figures) console.log(`        ${page.name}: ${page.figures}`);
    seen.push(page.name);
  } finally {
    await page.close();
  }
}
await close();
report("browsers", problems, `${Object.keys(claims).length} claims hold in ${seen.join(" and ")}`);

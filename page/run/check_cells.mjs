// The cells of the first chapter, or with EVERY=chapter of all, give in the browser what the notebook stores: text, formulas,
// drawings. `node check_cells.mjs errata` checks the chapters whose names contain one of the words.
// How long they take is printed, and nothing fails by it: on a busy machine a time means little.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BOOK, launch, report, serve, twoAtATime, watch } from "../browser.mjs";

const CHAPTERS = join(BOOK, "..", "..", "chapters");
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [process.env.EVERY ? "" : "1_"];
const notebooks = readdirSync(CHAPTERS)
  .filter((file) => file.endsWith(".ipynb") && wanted.some((word) => file.includes(word)))
  .sort()
  .reverse(); // the last chapter takes longest, and would be waited for

const joined = (text) => (Array.isArray(text) ? text.join("") : text);
const inOrder = (_key, value) =>
  value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value;

// An output as one text, with all of its formats; only metadata and the count of executions are left out.
function comparable({ output_type, name, text, ename, evalue, data = {} }) {
  const contents = JSON.stringify(
    Object.entries(data)
      .sort()
      .map(([type, content]) => [type, joined(content)]),
    inOrder,
  );
  return JSON.stringify({ output_type, name, text: joined(text), ename, evalue, contents });
}

function storedCells(file) {
  const { cells } = JSON.parse(readFileSync(join(CHAPTERS, file), "utf8"));
  const code = cells.filter((cell) => cell.cell_type === "code");
  return code.map(({ id, source, outputs }) => ({ id, source: joined(source), outputs }));
}

// Has the page tell what its cells show.
function listen() {
  window.shown = [];
  window.ends = [];
  const number = (event) => [...document.querySelectorAll(".cell:has(> .cell-controls)")].indexOf(event.target);
  addEventListener("cell-output", (event) => (window.shown[number(event)] ??= []).push(event.detail));
  addEventListener("cell-end", (event) => {
    window.ends[number(event)] = event.detail;
    window.began ??= event.timeStamp - 1000 * event.target.cell.seconds; // when Python had started
    window.took = (event.timeStamp - window.began) / 1000;
  });
}

async function checkChapter(page, file, url) {
  const stored = storedCells(file);
  const problems = watch(page, url);
  await page.goto(`${url}chapters/${file.replace(".ipynb", ".html")}`);
  await page.evaluate(listen);
  const listings = await page.locator(".cell .cell_input pre").allTextContents();
  if (listings.length !== stored.length)
    return [`${file}: the page has ${listings.length} cells, the notebook ${stored.length}`];
  await page.getByRole("button", { name: "Run all cells", exact: true }).click();
  const allEnded = (count) =>
    window.ends.filter(Boolean).length === count || window.ends.some((end) => end && end !== "ran");
  await page.waitForFunction(allEnded, stored.length, { timeout: 600_000 });
  const [shown, ends, took] = await page.evaluate(() => [window.shown, window.ends, window.took]);
  const seconds = await page.evaluate(() =>
    [...document.querySelectorAll(".cell:has(> .cell-controls)")].map(({ cell }) => cell.seconds),
  );

  let outputs = 0;
  let equal = 0;
  for (const [i, cell] of stored.entries()) {
    const here = (shown[i] ?? []).map(comparable);
    const there = cell.outputs.map(comparable);
    if (listings[i].trim() !== cell.source.trim())
      problems.push(`${cell.id}: the page shows other code than the notebook`);
    if (ends[i] !== "ran") problems.push(`${cell.id}: ${ends[i] ?? "never ran"}`);
    if (here.length !== there.length)
      problems.push(`${cell.id}: ${there.length} outputs stored, ${here.length} in the browser`);
    for (const [k, output] of there.entries()) {
      outputs += 1;
      if (output === here[k]) equal += 1;
      else problems.push(`${cell.id}: ${difference(output, here[k] ?? "")}`);
    }
  }
  await page.waitForFunction(() =>
    [...document.querySelectorAll(".cell_output .text_latex")].every((formula) => formula.childElementCount),
  );
  const formulas = stored.flatMap((cell) => cell.outputs).filter((output) => output.data?.["text/latex"]).length;
  const typeset = await page.locator(".cell_output .text_latex > .katex-display:not(:has(.katex-error))").count();
  if (typeset !== formulas) problems.push(`${typeset} of ${formulas} formulas are typeset`);
  const pictures = await page
    .locator(".cell_output img")
    .evaluateAll((images) => images.map((image) => [image.src, image.naturalWidth, image.alt]));
  for (const [source, width, alt] of pictures) {
    if (!source.startsWith("blob:") || !width || !alt)
      problems.push(`a figure is not shown: ${source}, ${width} pixels, "${alt}"`);
  }
  const name = file.replace(".ipynb", "");
  const slowest = seconds.indexOf(Math.max(...seconds));
  times.push(`${name} ${took.toFixed(0)} s (${stored[slowest].id} ${seconds[slowest].toFixed(1)})`);
  console.log(
    `        ${name}: ${stored.length} cells, ${equal} of ${outputs} outputs stored = browser (${formulas} formulas, ${pictures.length} figures)`,
  );
  return problems.map((problem) => `${name}: ${problem}`);
}

// The first place where two texts part.
function difference(stored, here) {
  let at = 0;
  while (at < stored.length && stored[at] === here[at]) at += 1;
  const around = (text) => text.slice(Math.max(0, at - 30), at + 50);
  return `stored  …${around(stored)}…\n${" ".repeat(12)}browser …${around(here)}…`;
}

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const times = [];
await twoAtATime(notebooks, async (file) => {
  const page = await browser.newPage();
  problems.push(...(await checkChapter(page, file, url)));
  await page.close();
});
await browser.close();
await close();
console.log(`        Run all took, and the slowest cell: ${times.sort().join(", ")}`);
const checked = notebooks.length === 1 ? notebooks[0] : `${notebooks.length} chapters`;
report("cells", problems, `all cells of ${checked} give in the browser what is stored`);

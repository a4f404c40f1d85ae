// Every BibTeX entry that the pages offer prints right: by BibTeX in plain, alphabetic and author-date styles, whose
// results LaTeX sets, and by pandoc. Edition, place, date, names and formulas are all there.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, pages, report, serve } from "../browser.mjs";

const STYLES = ["plain", "alpha", "abbrv", "apalike", "plainnat"];
const PROLOGUE = "\\documentclass{article}\n\\usepackage[utf8]{inputenc}\n\\usepackage{url}\n";

const { url, close } = await serve();
const browser = await launch();
const page = await browser.newPage();
const entries = new Map();
for (const path of pages()) {
  await page.goto(url + path);
  const found = await page.evaluate(async () => {
    const copied = [];
    Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => copied.push(text) } });
    const offered = [...document.querySelectorAll(".highlight-bibtex pre")].map((listing) => listing.textContent);
    for (const link of document.querySelectorAll("article .headerlink")) {
      link.click();
      document.querySelector('[data-copies="entry"]').click();
    }
    return [...offered, ...copied].map((entry) => entry.trim());
  });
  // A page without a label of its own, and the entries that several pages show, are there once.
  for (const entry of found) entries.set(entry.match(/\{([^,]+)/)[1], entry);
}
await browser.close();
await close();

const folder = mkdtempSync(join(tmpdir(), "entries-"));
const run = (command, ...options) => execFileSync(command, options, { cwd: folder, encoding: "utf8", stdio: "pipe" });
const bare = (text) =>
  text
    .replace(/\\newblock|\\url|\\emph|\\em |~/g, " ")
    .replace(/[{}]/g, "")
    .replace(/\s+/g, " ");
writeFileSync(join(folder, "entries.bib"), [...entries.values()].join("\n\n"));

// Nobody cites all of them, and styles have no more than 26 letters for one author and year.
const keys = [...entries.keys()];
const portions = Array.from({ length: Math.ceil(keys.length / 20) }, (_, k) => keys.slice(20 * k, 20 * k + 20));

function holds(item) {
  assert.match(item, /Natural gradients, Mahalanobis distances, and distances between distributions/i);
  assert.match(item, /Mahalanobis/);
  if (/Madsen/.test(item)) return assert.match(item, /2016/);
  assert.match(item, /2026/);
  assert.match(item, /Version \d+\.\d+\.\d+/);
  assert.match(item, /The natgrad contributors|———/);
  return undefined;
}

// Formulas and quotation marks have become characters, which differ; the words and numbers of the place are there.
const words = (text) => text.replace(/\$[^$]*\$/g, " ").match(/[A-Za-z]{3,}|\d+(\.\d+)?/g) ?? [];
function placed(item, key) {
  const place = entries.get(key).match(/howpublished = \{(.*)\}/)?.[1] ?? "";
  for (const word of words(place)) assert.ok(item.includes(word), `${word} of ${place} is missing: ${item}`);
}

const claims = {};
for (const style of STYLES) {
  claims[style] = () => {
    let inputs = "";
    for (const [k, portion] of portions.entries()) {
      const cited = portion.map((key) => `\\citation{${key}}\n`).join("");
      writeFileSync(join(folder, `${style}${k}.aux`), `${cited}\\bibstyle{${style}}\n\\bibdata{entries}\n`);
      assert.doesNotMatch(run("bibtex", `${style}${k}`), /Warning|error/i);
      const items = readFileSync(join(folder, `${style}${k}.bbl`), "utf8")
        .split("\\bibitem")
        .slice(1);
      assert.equal(items.length, portion.length);
      for (const item of items) {
        holds(bare(item));
        placed(bare(item), item.match(/\{([^{}]+)\}\s*\n/)[1]);
      }
      inputs += `\\input{${style}${k}.bbl}\n`;
    }
    const natbib = style === "plainnat" ? "\\usepackage{natbib}\n" : "";
    const text = `${PROLOGUE}${natbib}\\begin{document}\n${inputs}\\end{document}\n`;
    writeFileSync(join(folder, `${style}.tex`), text);
    run("pdflatex", "-interaction=nonstopmode", "-halt-on-error", `${style}.tex`);
  };
}
claims.pandoc = () => {
  for (const key of keys) {
    if (keys.indexOf(key) % 10 && !/\$/.test(entries.get(key))) continue; // it takes its time
    writeFileSync(join(folder, "one.md"), `---\nbibliography: entries.bib\nnocite: '@${key}'\n---\n`);
    const item = run("pandoc", "--citeproc", "--to=plain", "--wrap=none", "one.md");
    holds(item);
    placed(item, key);
  }
};

const problems = [];
for (const [claim, check] of Object.entries(claims)) {
  try {
    check();
  } catch (error) {
    problems.push(`${claim}: ${error.message} ${error.stdout?.slice(-600) ?? ""}`);
  }
}
rmSync(folder, { recursive: true });
report("entries", problems, `${entries.size} entries print right by BibTeX (${STYLES.join(", ")}) and by pandoc`);

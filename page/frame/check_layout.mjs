// On a phone and on a wide screen: no formula is broken or missing, nothing is wider than the page, nothing moves
// while it loads, and a link to an equation far below leads there.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BOOK, launch, pages, report, serve, settle, twoAtATime } from "../browser.mjs";

// Displayed equations in the source of a page, as far as it is text.
function displayed(path) {
  if (!path.startsWith("chapters/")) return 0;
  const source = join(BOOK, "_sources", path.replace(/\.html$/, ""));
  let text = "";
  try {
    text = readFileSync(`${source}.md`, "utf8");
  } catch {
    const { cells } = JSON.parse(readFileSync(`${source}.ipynb`, "utf8"));
    text = cells
      .filter((cell) => cell.cell_type === "markdown")
      .map(({ source }) => [source].flat().join(""))
      .join("\n");
    const outputs = cells.flatMap((cell) => cell.outputs ?? []).filter((output) => output.data?.["text/latex"]);
    text += "$$".repeat(2 * outputs.length);
  }
  return (text.match(/\$\$/g) ?? []).length / 2;
}

const { url, close } = await serve();
const browser = await launch();
const problems = [];
let equations = 0;
const views = [1280, 390].flatMap((width) => pages().map((path) => ({ path, width })));
await twoAtATime(views, async ({ path, width }) => {
  const screen = { viewport: { width, height: 844 }, isMobile: width < 600, hasTouch: width < 600 };
  const context = await browser.newContext(screen);
  const page = await context.newPage();
  const problem = (text) => problems.push(`${path}, ${width}: ${text}`);
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifts += value))).observe({
      type: "layout-shift",
      buffered: true,
    });
  });
  // Fonts that come late may move a line on the first visit, as far as Web Vitals calls it good; after that nothing moves.
  await settle(page, url + path);
  const first = await page.evaluate(() => window.shifts);
  if (first > 0.1) problem(`layout shift of ${first.toFixed(3)} on the first visit`);
  await settle(page, `${url}404.html`);
  await settle(page, url + path);
  await page.waitForFunction(() => document.readyState === "complete");
  const found = await page.evaluate(() => ({
    shifts: window.shifts,
    broken: document.querySelectorAll(".katex-error, .merror").length,
    shown: document.querySelectorAll("article .katex-display").length,
    raw: document
      .querySelector("article")
      ?.innerText.match(/\\[([].{0,40}|\$\$.{0,40}|\{(?:ref|eq|numref|cite:\w+)\}`/)?.[0],
    labels: [...document.querySelectorAll("article div.math[id]")].map(({ id }) => id),
  }));
  if (found.shifts > 0.01) problem(`layout shift of ${found.shifts.toFixed(3)}`);
  if (found.broken) problem(`${found.broken} broken formulas`);
  if (found.raw) problem(`not set: ${found.raw}`);
  const expected = displayed(path);
  if (found.shown < expected) problem(`${found.shown} displayed equations of ${expected}`);
  if (width === 1280) equations += found.shown;
  const wider = await page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    return document.documentElement.scrollWidth > wide && `the page is ${document.documentElement.scrollWidth} wide`;
  });
  if (wider) problem(wider);
  await context.close();

  const last = found.labels.at(-1);
  if (last) {
    const there = await browser.newPage(screen);
    await settle(there, `${url}${path}#${last}`);
    await there.waitForTimeout(300);
    const box = await there.locator(`[id="${last}"]`).boundingBox();
    if (!box || box.y < -5 || box.y > 500) problem(`#${last} is shown at ${box?.y}`);
    await there.goto(`${url}404.html`);
    await there.goBack({ waitUntil: "networkidle" });
    const again = await there.locator(`[id="${last}"]`).boundingBox();
    if (!(Math.abs(again?.y - box?.y) <= 5)) problem(`going back shows #${last} at ${again?.y}, not at ${box?.y}`);
    // A reader in the middle of a page stays there after a reload, and End reaches its end.
    const place = () => there.evaluate(() => [scrollY, document.documentElement.scrollHeight - scrollY - innerHeight]);
    await there.evaluate(() => scrollTo({ top: document.documentElement.scrollHeight / 2, behavior: "instant" }));
    await there.waitForTimeout(300);
    const [before] = await place();
    await there.reload({ waitUntil: "networkidle" });
    const [after] = await place();
    if (Math.abs(after - before) > 5) problem(`a reload goes from ${before} to ${after}`);
    await there.keyboard.press("End");
    await there.waitForTimeout(1000); // it may scroll smoothly
    const [, short] = await place();
    if (short > 5) problem(`End is ${short} short of the end`);
    await there.close();
  }
});
await browser.close();
await close();
report("layout", problems, `${pages().length} pages at two widths, ${equations} displayed equations`);

// On paper, also when the reader has the dark theme: black on white, nothing to press, nothing wider than the paper.

import { launch, pages, report, serve, settle, twoAtATime } from "../browser.mjs";

const WIDTH = 680; // of A4 between the margins that print.css leaves, in CSS pixels

// What is wrong with the page as it is printed. Runs in the page.
function look() {
  const problems = [];
  const shown = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0;
  const name = (element) =>
    `${element.tagName.toLowerCase()}.${element.className} ${element.textContent.trim().slice(0, 40)}`;
  for (const element of document.querySelectorAll(
    // The line of a fold, and a choice, are headings on paper.
    "button, input, nav, summary:not(.fold > *, .choice > *), dialog, .headerlink:not(.eqno *)",
  ))
    if (shown(element)) problems.push(`to be pressed: ${name(element)}`);
  for (const element of document.querySelectorAll(".eqno, .bd-article h1, .bd-article figure img"))
    if (!shown(element)) problems.push(`not shown: ${name(element)}`);
  const right = document.documentElement.clientWidth + 1;
  for (const element of document.querySelectorAll(
    ".bd-article :is(p, pre, table, td, figure, img, svg, .katex-html, .eqno)",
  )) {
    const wide = element.getBoundingClientRect().right > right || element.scrollWidth > element.clientWidth + 1;
    if (shown(element) && wide && getComputedStyle(element).display !== "inline")
      problems.push(`too wide: ${name(element)}`);
  }
  for (const element of document.querySelectorAll(".bd-article :is(p, pre, td, h1, h2)")) {
    const light = getComputedStyle(element)
      .color.match(/[0-9.]+/g)
      .slice(0, 3)
      .every((part) => part > 130);
    if (light && shown(element)) problems.push(`pale: ${name(element)}`);
  }
  return problems;
}

const { url, close } = await serve();
const browser = await launch();
const problems = [];
// Slides have a form of their own on paper, and a single figure is not for it.
const other = /^(404|genindex|search)\.html|slides\/|^figures\//;
const printed = pages().filter((path) => !other.test(path));
const dark = await browser.newContext({ colorScheme: "dark", viewport: { width: WIDTH, height: 1000 } });
await twoAtATime(printed, async (path) => {
  const page = await dark.newPage();
  await settle(page, url + path);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  problems.push(...(await page.evaluate(look)).map((problem) => `${path}: ${problem}`));
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  const theme = await page.evaluate(() => document.documentElement.dataset.theme);
  if (theme !== "dark") problems.push(`${path}: after printing the theme is ${theme}`);
  await page.close();
});
await browser.close();
await close();
report("print", problems, `${printed.length} pages in black on white, as wide as the paper`);

// Every slide of every deck: nothing lies outside of it, its notes are there, and a deck on paper has as many pages.
// With a folder as an argument the decks are written there as PDF, too: node check_slides.mjs _build/slides

import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { launch, pages, report, serve, watch } from "../browser.mjs";

const [folder] = process.argv.slice(2);
if (folder) mkdirSync(folder, { recursive: true });
const problems = [];
const server = await serve();
const browser = await launch();
const decks = pages().filter((path) => path.startsWith("chapters/slides/"));
let count = 0;

for (const path of decks) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  const trouble = watch(page, server.url);
  await page.goto(server.url + path);
  await page.waitForSelector(".reveal.ready");
  const slides = await page.locator(".slides > section").count();
  for (let index = 0; index < slides; index++) {
    await page.waitForTimeout(150); // what is too wide is set smaller
    const found = await page.evaluate(() => {
      const slide = document.querySelector(".slides > section.present");
      const shown = [...slide.querySelectorAll("h1, h2, p, li, .katex-base, svg, img, pre, table, button")];
      const boxes = shown
        .filter((part) => !part.closest("aside, svg *, details:not([open]) > :not(summary), .unseen"))
        .map((part) => [part, part.getBoundingClientRect()])
        .filter(([, { width, height }]) => width > 1 && height > 1);
      const outside = boxes.filter(
        ([, box]) => box.left < 0 || box.right > innerWidth + 1 || box.top < 0 || box.bottom > innerHeight + 1,
      );
      return {
        title: slide.querySelector("h1, h2").textContent,
        notes: slide.querySelector("aside.notes")?.textContent.trim(),
        outside: outside.map(([part]) => part.textContent.slice(0, 40) || part.tagName),
      };
    });
    if (found.outside.length) problems.push(`${path}: "${found.title}" does not hold ${found.outside.join(", ")}`);
    if (!found.notes) problems.push(`${path}: "${found.title}" has no notes`);
    count++;
    // Also where a figure or a cell had the focus, a click beside it gives the keys back.
    await page.keyboard.press("PageDown");
  }
  if (!(await page.locator(".slides > section:last-child.present").count()))
    problems.push(`${path}: the keys don't lead to the last of its ${slides} slides`);

  await page.goto(`${server.url}${path}?print-pdf`);
  await page.waitForSelector(".pdf-page");
  await page.waitForTimeout(500);
  const sheets = await page.locator(".pdf-page").count();
  const cut = await page.evaluate(() =>
    [...document.querySelectorAll(".borrowed > .source")]
      .filter((link) => link.getBoundingClientRect().right > link.closest(".pdf-page").getBoundingClientRect().right)
      .map((link) => link.textContent),
  );
  if (cut.length) problems.push(`${path}: on paper ${cut.join(", ")} is cut`);
  if (sheets !== slides) problems.push(`${path}: ${slides} slides are ${sheets} pages on paper`);
  if (folder)
    await page.pdf({
      path: join(folder, `${basename(path, ".html")}.pdf`),
      preferCSSPageSize: true,
      printBackground: true,
    });
  problems.push(...trouble.map((what) => `${path}: ${what}`));
  await page.close();

  // On a phone one scrolls; in the end nothing is left that only a scroll would lay out, and keep from screen readers.
  const phone = await browser.newPage({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await phone.goto(server.url + path);
  await phone.waitForSelector("[data-laid-out] .reveal.ready");
  const hidden = await phone.evaluate(
    () =>
      [...document.querySelectorAll(".scroll-page h2")].filter(
        (heading) => !heading.checkVisibility({ contentVisibilityAuto: true }),
      ).length,
  );
  if (hidden) problems.push(`${path}: on a phone ${hidden} slides are not laid out`);
  for (let index = 0; index < slides; index++) {
    await phone.locator(".scroll-page").nth(index).scrollIntoViewIfNeeded();
    await phone.waitForTimeout(150);
    const wide = await phone.evaluate(
      (index) =>
        [...document.querySelectorAll(".scroll-page")[index].querySelectorAll(".borrowed .katex-base")].some(
          (part) => part.getBoundingClientRect().right > innerWidth + 1,
        ),
      index,
    );
    if (wide) problems.push(`${path}: on a phone an equation of slide ${index + 1} is cut`);
  }
  await phone.close();
}

await browser.close();
await server.close();
if (decks.length === 0) problems.push("There are no decks.");
report("slides", problems, `${count} slides of ${decks.length} decks hold what is on them`);

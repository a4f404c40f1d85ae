// Addresses and BibTeX entries of single places are copied, and what a link leads to is shown: by mouse and by keyboard.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BOOK, launch, pages, report, serve, settle, violations, watch } from "../browser.mjs";

// Each page with the anchors that could be cited in a version that was published. With `add`, those of this book join
// them: what a reader is offered beside a heading, an equation, a figure or a name, and what has a label.
const LIST = new URL("permanent.txt", import.meta.url);
const LABELS = /^(box|cell|cite|eq|equation|erratum|ex|fig|fine|question|sec|self-test|statement|symbol)-/;
const permanent = new Map();
for (const line of readFileSync(LIST, "utf8").trim().split("\n")) {
  const [path, ...anchors] = line.split(" ");
  permanent.set(path, anchors);
}
if (process.argv.includes("add")) {
  for (const path of pages().filter((path) => /^(index|chapters\/.*)\.html$/.test(path))) {
    const html = readFileSync(join(BOOK, path), "utf8");
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    const offered = ids.filter((id) => LABELS.test(id) || html.includes(`class="headerlink" href="#${id}"`));
    permanent.set(path, [...new Set([...(permanent.get(path) ?? []), ...offered])].sort());
  }
  const lines = [...permanent].sort().map(([path, anchors]) => `${[path, ...anchors].join(" ")}\n`);
  writeFileSync(LIST, lines.join(""));
}

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const CHAPTER = `${url}chapters/2_mahalanobis_distances.html`;

const permissions = ["clipboard-read", "clipboard-write"];
const desk = await browser.newContext({ permissions });

async function open(address, context = desk) {
  const page = await context.newPage();
  problems.push(watch(page, url));
  await settle(page, address);
  return page;
}

// The address to share: where the page is published, if it is.
async function shared(page) {
  const canonical = page.locator('link[rel="canonical"]');
  return (await canonical.count()) ? canonical.getAttribute("href") : page.url().split("#")[0];
}

const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

async function copy(page, anchor, what) {
  await page.locator(`article .headerlink[href="#${anchor}"]`).click();
  await page.getByRole("button", { name: what }).click();
  await page.getByRole("status").filter({ hasText: "copied" }).waitFor();
  return copied(page);
}

const claims = {
  async "the link of a section, an equation, a figure and an erratum is copied"(page) {
    for (const anchor of ["sec-2-4", "equation-eq-2-1-basis", "fig-2-5"]) {
      assert.equal(await copy(page, anchor, "Copy link"), `${await shared(page)}#${anchor}`);
      assert.equal(await page.locator(`[id="${anchor}"]`).count(), 1, anchor);
      await page.keyboard.press("Escape");
    }
    const errata = await open(`${url}chapters/errata.html`);
    assert.equal(await copy(errata, "erratum-2-4d", "Copy link"), `${await shared(errata)}#erratum-2-4d`);
  },
  async "the BibTeX entry names the place, the version and the address"(page) {
    const entry = await copy(page, "equation-eq-2-1-basis", "Copy BibTeX");
    assert.match(entry, /^@misc\{natgrad\d{4}-equation-eq-2-1-basis,\n/);
    assert.match(entry, /author = \{\{The natgrad contributors\}\},/);
    assert.match(entry, /howpublished = \{Equation \(2\.2\)\. Version \d+\.\d+\.\d+/);
    assert.doesNotMatch(entry, /127\.0\.0\.1|file:/); // where nobody else finds it
    await page.keyboard.press("Escape");
    assert.match(await copy(page, "fig-2-5", "Copy BibTeX"), /howpublished = \{Figure 2\.\d\. Version/);
    await page.keyboard.press("Escape");
    assert.match(await copy(page, "sec-2-4", "Copy BibTeX"), /howpublished = \{Section 2\.4\. Version/);
    await page.keyboard.press("Escape");
    const command = await copy(page, "equation-eq-2-1-basis", "Copy \\cite");
    assert.match(command, /^\\cite\[\{Equation \(2\.2\)\}\]\{natgrad\d{4}\}$/);
    await page.keyboard.press("Escape");
  },
  async "an entry has the address of the version that is published, or of the server that others reach"() {
    const page = await open(CHAPTER);
    const published = "https://example.org/v1/chapters/2.html";
    await page.route("**/chapters/2_mahalanobis_distances.html", async (route) => {
      const body = await (await route.fetch()).text();
      await route.fulfill({
        body: body.replace(/data-permanent="[^"]*"/, `data-permanent="${published}"`),
        contentType: "text/html",
      });
    });
    await settle(page, CHAPTER);
    const entry = await copy(page, "sec-2-4", "Copy BibTeX");
    assert.ok(entry.endsWith(`,\n  url = {${published}#sec-2-4}\n}`), entry);
  },
  async "by keyboard alone, and Escape leads back"(page) {
    const link = page.locator('article .headerlink[href="#sec-2-4"]');
    await link.focus();
    await page.keyboard.press("Enter");
    assert.equal(await link.getAttribute("aria-expanded"), "true");
    assert.deepEqual(await violations(page, ".cite-menu"), []);
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "The link is copied." }).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.activeElement.getAttribute("href") === "#sec-2-4");
    assert.equal(await link.getAttribute("aria-expanded"), "false");
  },
  async "the mouse and the keyboard show an equation, a citation, a symbol, a term and a section"(page) {
    const kinds = {
      '[href*="#equation-"]': ".katex-display",
      '[href*="#cite-"]': ".citation",
      '[href*="#symbol-"]': ".katex",
      '[href*="#term-"]': ".preview-title",
      '[href*="#sec-"]': ".preview-title",
    };
    const preview = page.getByRole("tooltip");
    for (const [kind, shown] of Object.entries(kinds)) {
      const link = page.locator(`article a.internal${kind}`).first();
      await link.hover();
      await preview.locator(shown).first().waitFor();
      assert.equal(await link.getAttribute("aria-describedby"), "preview");
      await page.mouse.move(1, 1);
      await preview.waitFor({ state: "hidden" });
      await page.keyboard.press("Shift"); // from here on the keyboard is what is used
      await link.focus();
      await preview.locator(shown).first().waitFor();
      assert.deepEqual(await violations(page, ".preview"), []);
      await page.keyboard.press("Escape");
      await preview.waitFor({ state: "hidden" });
    }
  },
  async "the mouse may move onto what is shown"(page) {
    await page.locator('article a.internal[href*="#equation-"]').first().hover();
    const preview = page.getByRole("tooltip");
    await preview.waitFor();
    await preview.hover();
    await page.waitForTimeout(600);
    assert.ok(await preview.isVisible());
    await page.mouse.move(1, 1);
    await preview.waitFor({ state: "hidden" });
  },
  async "where a page may not copy, the text is shown to be copied"(page) {
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await page.locator('article .headerlink[href="#sec-2-4"]').click();
    await page.getByRole("button", { name: "Copy link" }).click();
    const shown = await page.getByRole("textbox", { name: "To be copied" }).inputValue();
    assert.equal(shown, `${await shared(page)}#sec-2-4`);
  },
  async "a finger follows links and is shown nothing"() {
    const phone = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 800 } };
    const page = await open(CHAPTER, await browser.newContext(phone));
    await page.locator('article a.internal[href^="#equation-"]').first().tap();
    await page.waitForTimeout(600);
    assert.match(page.url(), /#equation-/);
    assert.equal(await page.getByRole("tooltip").count(), 0);
    await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
    await page.locator('article .headerlink[href="#sec-2-1"]').tap();
    const menu = await page.getByRole("dialog", { name: "Section 2.1" }).boundingBox();
    assert.ok(menu.x >= 0 && menu.x + menu.width <= 390, JSON.stringify(menu));
  },
  async "every address that could be cited before is still one"() {
    for (const [path, anchors] of permanent) {
      const html = readFileSync(join(BOOK, path), "utf8");
      assert.deepEqual(
        anchors.filter((anchor) => !html.includes(`id="${anchor}"`)),
        [],
        path,
      );
    }
  },
};

// For all that leaves the page as it was, one is enough.
const chapter = await open(CHAPTER);
for (const [claim, check] of Object.entries(claims)) {
  try {
    await check(chapter);
  } catch (error) {
    problems.push([`${claim}: ${error.message}`]);
  }
}
await browser.close();
await close();
report("anchors", problems.flat(), `${Object.keys(claims).length} claims hold`);

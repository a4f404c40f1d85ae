// Folds and self-tests, as a reader uses them: by mouse, by keyboard, by links, without script and on paper.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BOOK, launch, pages, report, serve, watch } from "../browser.mjs";

const folded = pages().filter((page) => readFileSync(`${BOOK}/${page}`, "utf8").includes('class="fold"'));
const { url, close } = await serve();
const browser = await launch();
const problems = [];
const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const first = `${url}${folded[0]}`;

async function open(address = first, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  problems.push(watch(page, url));
  await page.goto(address, { waitUntil: "networkidle" });
  const folds = page.locator("details.fold");
  const opened = () => folds.evaluateAll((all) => all.filter((each) => each.open).length);
  return { page, context, folds, opened, button: page.locator(".checks-switch") };
}

const claims = {
  async "the book has folds, each with a line that counts its cells"() {
    assert.ok(folded.length);
    for (const address of folded) {
      const { folds, context } = await open(url + address);
      const lines = await folds.evaluateAll((all) =>
        all.map((each) => [each.querySelector("summary").textContent, each.querySelectorAll(".cell").length]),
      );
      for (const [line, count] of lines) {
        assert.ok(line.length > 8, address);
        assert.equal(count === 1, !/, \d+ cells$/.test(line), line);
        if (count > 1) assert.ok(line.endsWith(`, ${count} cells`), line);
      }
      await context.close();
    }
  },
  async "one switch opens and folds all, by keyboard, and is remembered"() {
    const { page, folds, opened, button } = await open();
    const count = await folds.count();
    assert.equal(await opened(), 0);
    await button.focus();
    await page.keyboard.press("Enter");
    assert.equal(await opened(), count);
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    await page.reload({ waitUntil: "networkidle" });
    assert.equal(await opened(), count);
    await button.press("Space");
    assert.equal(await opened(), 0);
  },
  async "a link into a fold opens it and lands there"() {
    const { page, folds, opened } = await open();
    const id = await folds.last().locator(".cell[id], .cell [id], span[id]").last().getAttribute("id");
    for (const go of [() => page.goto(`${first}#${id}`), () => page.evaluate((name) => (location.hash = name), id)]) {
      await page.evaluate(() => document.querySelectorAll("details.fold").forEach((each) => (each.open = false)));
      await page.goto(first, { waitUntil: "networkidle" });
      await go();
      await page.waitForTimeout(300);
      assert.equal(await opened(), 1);
      const { top } = await page.locator(`[id="${id}"]`).evaluate((each) => each.getBoundingClientRect());
      assert.ok(top > -5 && top < page.viewportSize().height, `${id} is at ${top}`);
    }
  },
  async "folded cells run, and the line says how they ended"() {
    const { page, folds } = await open();
    await page.getByRole("button", { name: "Run all cells" }).click();
    const said = folds.first().locator(".fold-state").filter({ hasText: "✓ passed here" });
    await said.waitFor({ timeout: 120_000 });
  },
  async "each choice of a self-test has its reply, and opens by keyboard"() {
    const { page } = await open();
    const answer = page.locator("details.choice").first();
    await answer.locator("summary").focus();
    await page.keyboard.press("Enter");
    assert.ok(await answer.locator("p").first().isVisible());
    assert.ok((await page.locator(".self-test").count()) > 1);
  },
  async "without script all can be unfolded"() {
    const { page, folds, button } = await open(first, { javaScriptEnabled: false });
    assert.equal(await button.count(), 0);
    await folds.first().locator("summary").click();
    assert.ok(await folds.first().locator(".cell_input").first().isVisible());
    await page.close();
  },
  async "on paper nothing is folded"() {
    const { page, folds, opened } = await open();
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await opened(), await folds.count());
    await page.emulateMedia({ media: "print" });
    assert.ok(await folds.first().locator(".cell_input").first().isVisible());
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.equal(await opened(), 0);
  },
  async "axe finds nothing, folded or not, in light and dark, and nothing is wider than a phone"() {
    for (const colorScheme of ["light", "dark"]) {
      const { page, button, context } = await open(first, { colorScheme, viewport: { width: 390, height: 800 } });
      await page.evaluate(axe);
      for (let i = 0; i < 2; i++) {
        const { violations } = await page.evaluate(() => window.axe.run("article, .checks-switch"));
        assert.deepEqual(
          violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`),
          [],
        );
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        await button.click();
      }
      await context.close();
    }
  },
};

for (const [claim, check] of Object.entries(claims)) {
  try {
    await check();
  } catch (error) {
    problems.push([`${claim}: ${error.message}`]);
  }
}
await browser.close();
await close();
report("folds", problems.flat(), `${Object.keys(claims).length} claims hold on ${folded.length} pages`);

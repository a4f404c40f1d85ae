// Folds as a reader meets them: by keyboard, by link, by search, on paper, without script, and when their cells run.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BOOK, launch, pages, report, serve, settle, twoAtATime, watch } from "../browser.mjs";

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const folding = pages().filter((path) => readFileSync(join(BOOK, path), "utf8").includes('<details class="fold'));
const [PATH] = folding;

async function open(path, options = {}, prepare = () => {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.addInitScript(prepare);
  problems.push(watch(page, url));
  await settle(page, url + path);
  return page;
}

const openFolds = (page) => page.locator("details.fold[open]").count();
const foldAll = (page) => page.locator("details.fold[open]").evaluateAll((all) => all.map((one) => (one.open = false)));
const control = (page) => page.getByRole("button", { name: "Checks", exact: true });
const isOpen = (page, id) => page.evaluate((id) => !document.getElementById(id).closest("details:not([open])"), id);
const isInView = (page, id) =>
  page.waitForFunction((id) => {
    const { top, bottom } = document.getElementById(id).getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }, id);

// What holds of every page that has folds.
const everywhere = {
  async "each fold has a line and cells or statements, and says how many"(page) {
    const folds = await page
      .locator("details.fold")
      .evaluateAll((all) =>
        all.map((fold) => [
          fold.querySelector(".fold-line").textContent,
          fold.querySelector(".fold-count")?.textContent ?? "",
          fold.querySelectorAll(".cell").length,
          fold.querySelectorAll(".statement").length,
          fold.open,
        ]),
      );
    for (const [line, count, cells, statements, shown] of folds) {
      assert.ok(line && !line.startsWith("Show code") && cells + statements, line);
      const said = (line.match(/\d+ (?=[a-z])/g) ?? []).reduce((sum, number) => sum + Number(number), 0);
      if (statements) assert.equal(said, statements, line);
      assert.equal(count, cells > 1 ? `, ${cells} cells` : "", line);
      assert.ok(!shown, `"${line}" is open`);
    }
  },
  async "each self-test has three or four choices, one of them right, and they open by keyboard"(page) {
    const boxes = await page
      .locator(".self-test")
      .evaluateAll((all) =>
        all.map((box) => [...box.querySelectorAll("details.choice")].map((choice) => choice.children[1].textContent)),
      );
    for (const replies of boxes) {
      assert.ok([3, 4].includes(replies.length), `${replies.length} choices`);
      assert.equal(replies.filter((reply) => /^Yes\b/.test(reply)).length, 1);
    }
    if (!boxes.length) return;
    const choice = page.locator(".self-test details.choice").first();
    await choice.locator("summary").focus();
    await page.keyboard.press("Enter");
    assert.ok(await choice.locator("p").first().isVisible());
  },
  async "every address of the concordance leads to something that can be seen"(page, path) {
    const ids = cited.filter(([cited]) => cited === path).map(([, id]) => id);
    const hidden = await page.evaluate((ids) => {
      const found = [];
      for (const id of ids) {
        const place = document.getElementById(id);
        if (!place) found.push(id);
        if (!place?.closest("details")) continue; // nothing can hide it
        for (const fold of document.querySelectorAll("details.fold[open]")) fold.open = false;
        history.replaceState(null, "", `#${id}`);
        dispatchEvent(new Event("hashchange"));
        if (place.closest("details:not([open])")) found.push(id);
      }
      return found;
    }, ids);
    assert.deepEqual(hidden, []);
  },
};

const claims = {
  async "statements are shown by verdict and by link, also without script"() {
    for (const javaScriptEnabled of [true, false]) {
      const page = javaScriptEnabled ? concordance : await open("chapters/concordance.html", { javaScriptEnabled });
      for (const [verdict, others] of [
        ["corrected", ["proved", "verified"]],
        ["cited", ["derived", "computed"]],
      ]) {
        assert.equal(await page.locator(`div.statement.${verdict}:visible`).count(), 0, `${verdict}, unasked`);
        await page.locator(`[value="${verdict}"]`).check();
        const all = await page.locator(`div.statement.${verdict}`).count();
        assert.equal(await page.locator(`div.statement.${verdict}:visible`).count(), all, verdict);
        for (const other of others)
          assert.equal(await page.locator(`div.statement.${other}:visible`).count(), 0, other);
      }
      await page.goto("about:blank");
      await page.goto(`${url}chapters/concordance.html#note-3-2a`);
      await page.locator("#note-3-2a:visible").waitFor({ timeout: 10_000 });
      await page.context().close();
    }
  },
  async "a fold opens by keyboard, also without script, where there is no switch"() {
    for (const javaScriptEnabled of [true, false]) {
      const page = javaScriptEnabled ? reader : await open(PATH, { javaScriptEnabled });
      await page.locator("details.fold > summary").first().focus();
      await page.keyboard.press("Enter");
      assert.equal(await page.locator("details.fold[open] .cell_input").first().isVisible(), true);
      assert.equal(await control(page).count(), javaScriptEnabled ? 1 : 0);
      await page.keyboard.press("Enter");
      assert.equal(await openFolds(page), 0);
    }
  },
  async "the switch opens and folds all by keyboard, says so, and is remembered"() {
    const page = await open(PATH);
    const all = await page.locator("details.fold").count();
    await control(page).focus();
    await page.keyboard.press("Space");
    assert.equal(await openFolds(page), all);
    assert.equal(await control(page).getAttribute("aria-pressed"), "true");
    assert.match(await control(page).textContent(), /Checks: shown/);
    await settle(page, url + folding.at(-1));
    assert.equal(await openFolds(page), await page.locator("details.fold").count());
    assert.equal(await control(page).getAttribute("aria-pressed"), "true");
    await control(page).focus();
    await page.keyboard.press("Enter");
    assert.equal(await openFolds(page), 0);
    await settle(page);
    assert.equal(await openFolds(page), 0);
  },
  async "the switch works where the device keeps nothing"() {
    const page = await open(PATH, {}, () => {
      Storage.prototype.setItem = (name) => {
        if (name === "checks") throw new Error("full");
      };
    });
    await control(page).click();
    assert.equal(await openFolds(page), await page.locator("details.fold").count());
  },
  async "only pages with folds have the switch"() {
    const page = await open("index.html");
    assert.equal(await control(page).count(), 0);
  },
  async "an address, and a link within the page, lead into a fold"() {
    const ids = await reader
      .locator("details.fold .cell[id], details.fold .cell [id]:not(svg *)")
      .evaluateAll((all) => all.map(({ id }) => id));
    assert.ok(ids.length, "nothing in a fold has an address");
    const id = ids.at(-1);
    await reader.evaluate((id) => (location.hash = id), id);
    await isInView(reader, id);
    assert.ok(await isOpen(reader, id));
    const second = await open(`${PATH}#${id}`);
    await isInView(second, id);
    assert.ok(await isOpen(second, id));
    assert.equal(await openFolds(second), 1);
  },
  async "what the search marks is opened"() {
    const page = await open(`${PATH}?highlight=assert`);
    await page.waitForFunction(() => document.querySelector("details.fold[open] span.highlighted"), null, {
      timeout: 5000,
    });
  },
  async "on paper every fold and every reply is shown, and folded again on the screen"() {
    await foldAll(reader);
    await reader.emulateMedia({ media: "print" });
    await reader.evaluate(() => dispatchEvent(new Event("beforeprint")));
    const hidden = await reader.locator("details.fold .cell_input, details.choice > p").evaluateAll(
      (all) =>
        all.filter((part) => {
          const { width, height } = part.getBoundingClientRect();
          return !(width && height && part.checkVisibility({ visibilityProperty: true }));
        }).length,
    );
    await reader.evaluate(() => dispatchEvent(new Event("afterprint")));
    await reader.emulateMedia({ media: "screen" });
    assert.equal(hidden, 0);
    assert.equal(await openFolds(reader), 0);
  },
  async "a folded cell runs, and its fold says that it passed, or failed"() {
    await foldAll(reader);
    const fold = reader.locator("details.fold").first();
    // The first cell below it is not folded, and needs those above.
    const below = reader.locator("details.fold ~ .cell").first();
    await below.getByRole("button", { name: /^Run/ }).click();
    await fold
      .locator(".fold-state")
      .filter({ hasText: "✓ passed here" })
      .waitFor({ state: "attached", timeout: 120_000 });
    assert.equal(await fold.evaluate(({ open }) => open), false);
    await fold.locator("summary").click();
    await fold.locator(".cell").first().getByRole("button", { name: /^Edit/ }).click();
    await reader.getByRole("textbox", { name: "Python code of cell" }).press("Control+a");
    await reader.keyboard.type("assert False");
    await reader.keyboard.press("Shift+Enter");
    await fold.locator(".fold-state").filter({ hasText: "✗ failed here" }).waitFor({ timeout: 120_000 });
  },
};

async function hold(claims, ...given) {
  for (const [claim, holds] of Object.entries(claims)) {
    try {
      await holds(...given);
    } catch (error) {
      problems.push([`${given[1] ?? ""} ${claim}: ${error.message}`]);
    }
  }
}

const concordance = await open("chapters/concordance.html");
const links = await concordance
  .locator('article a[href*=".html#"]')
  .evaluateAll((all) => [...new Set(all.map(({ href }) => href))]);
// The page and the place.
const cited = links
  .map((link) => link.slice(url.length).split("#"))
  .map(([path, id]) => [path, decodeURIComponent(id)]);
if (!folding.length || !cited.length) problems.push(["no page has a fold, or the concordance no link"]);
await twoAtATime(folding, async (path) => {
  const page = await open(path);
  await hold(everywhere, page, path);
  await page.context().close();
});
const reader = await open(PATH);
await hold(claims);
await browser.close();
await close();
report(
  "fold",
  problems.flat(),
  `${folding.length} pages: opened by key, link, search and switch, shown on paper, and run`,
);

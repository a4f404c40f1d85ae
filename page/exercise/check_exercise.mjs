// An exercise as its reader does it, and answers that people give, in the browser's Python: to the exercises of the first
// chapter a wrong one and a right one each, because tests/test_exercises.py has all of them tried by the same checks;
// with EVERY=chapter to those of all chapters, with EVERY=answer all answers.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { BOOK, launch, report, serve, settle, twoAtATime, violations, watch } from "../browser.mjs";

const ROOT = join(BOOK, "..", "..");
const NAME = "1_natural_gradients";
const toJson = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))";
const EXERCISES = join(ROOT, "chapters", "exercises");
const answersTo = (name) =>
  JSON.parse(execFileSync(join(ROOT, ".venv", "bin", "python"), ["-c", toJson, join(EXERCISES, `${name}.yml`)]));
const names = readdirSync(EXERCISES)
  .filter((file) => file.endsWith(".yml"))
  .map((file) => file.replace(".yml", ""))
  .filter((name) => process.env.EVERY || name === NAME)
  .sort();

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const patient = { timeout: 120_000 };
// The last, because that is where an endless loop stands, and of the right ones what takes least.
const some = (answers) => (process.env.EVERY === "answer" ? answers : answers.slice(-1));
const RIGHT = /^Right( on \d+ fresh instances)?: /;

async function open({ address = url, name = NAME, ...options } = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  if (address === url) problems.push(watch(page, url));
  await settle(page, `${address}chapters/exercises/${name}.html`);
  const section = (id) => page.locator(`section[id="${id}"]`);
  const verdict = async (id, text) => {
    const said = section(id).locator(".exercise-verdict");
    await said.filter({ hasText: text }).waitFor({ state: "attached", ...patient });
    return said.innerText();
  };
  const write = (id, code) =>
    section(id)
      .locator(".tag_answer")
      .evaluate((node, code) => {
        node.cell.write(code);
        node.cell.change(code);
      }, code);
  const check = async (id) => {
    await section(id).locator(".tag_answer").getByRole("button", { name: "Check", exact: false }).click();
    return verdict(id, /^(?!Checking).+/s);
  };
  return { page, context, section, verdict, write, check };
}

const claims = {
  async "by keyboard alone: the blank is told, an answer is written, checked, and remembered"() {
    const { page, section, verdict } = await open();
    const slope = section("ex-1-slope");
    const name = "Check the answer to 1a Growth per unit of length";
    await page.getByRole("button", { name, exact: true }).focus();
    await page.keyboard.press("Enter");
    await verdict("ex-1-slope", "Not answered yet");
    await slope.getByRole("button", { name: "Run cell" }).first().press("Enter");
    assert.equal(await slope.locator(".tag_answer").getAttribute("data-state"), null); // told, not run
    await page.getByRole("button", { name, exact: true }).focus();
    await page.keyboard.press("Tab"); // to Edit
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Python code of cell" }).waitFor();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("def slope(g, u):\nreturn u @ g");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await verdict("ex-1-slope", "divide by its length");
    assert.equal(await slope.getAttribute("data-verdict"), "wrong");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ControlOrMeta+End");
    await page.keyboard.type(" / np.sqrt(u @ u)");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await verdict("ex-1-slope", "Right on 20 fresh instances: `slope`.");
    await page.locator(".exercise-progress").filter({ hasText: "1 of 8 right" }).waitFor();
    await settle(page);
    assert.match(await slope.locator(".tag_answer .cell_input pre").first().innerText(), /u @ g \/ np\.sqrt/);
    await verdict("ex-1-slope", "Right");
    await settle(page, `${url}chapters/errata.html`);
    assert.match(await page.locator('.bd-sidebar-primary a[href*="exercises/1_"]').innerText(), /1 of 8 right/);
    await page.goBack();
    await slope.getByRole("button", { name: "Reset cell" }).first().click();
    assert.match(await slope.locator(".tag_answer .cell_input pre").first().innerText(), /raise NotImplementedError/);
    await settle(page);
    assert.match(await slope.locator(".tag_answer .cell_input pre").first().innerText(), /raise NotImplementedError/);
  },
  async "the solution, and answers that people give, are told what they are in the browser's Python too"() {
    await twoAtATime(names, async (name) => {
      const { page, section, verdict, write, check } = await open({ name });
      const counts = { wrong: 0, right: 0 };
      if (name === NAME) {
        await section("ex-1-slope").locator(".exercise-solution > summary").click();
        await page.getByRole("button", { name: "Check the solution of 1a" }).click();
        await verdict("ex-1-slope", RIGHT);
        await page.locator(".exercise-progress").filter({ hasText: "0 of 8 right" }).waitFor(); // not by the reader
      }
      for (const [id, { wrong, right }] of Object.entries(answersTo(name))) {
        for (const { told, answer } of some(wrong)) {
          await write(id, answer);
          const said = await check(id);
          assert.ok(said.toLowerCase().includes(told.toLowerCase()), `${id}: ${said}`);
          counts.wrong += 1;
        }
        for (const answer of some(right)) {
          await write(id, answer);
          const said = await check(id);
          assert.match(said, RIGHT, `${id}: ${said}`);
          counts.right += 1;
        }
      }
      if (name === NAME) {
        await write("ex-1-prices", "guess = 1 / 0");
        assert.match(await check("ex-1-prices"), /The cell ends in an error.*ZeroDivisionError: division by zero/s);
      }
      console.log(`        ${name}: ${counts.wrong} wrong answers refused, ${counts.right} right ones accepted`);
      await page.close();
    });
  },
  async "hints come one at a time, and the solution of the second third only to the teacher"() {
    const { section } = await open();
    const hints = section("ex-1-slope").locator("details.hint");
    assert.deepEqual(await hints.evaluateAll((all) => all.map((hint) => hint.hidden)), [false, true]);
    await hints.first().locator("summary").press("Enter");
    await hints.nth(1).waitFor();
    assert.equal(await section("ex-1-any-norm").locator(".exercise-solution").count(), 0);
  },
  async "what was written is handed in as a notebook, with a code"() {
    const { page, write } = await open();
    await write("ex-1-prices", 'guess = "c"');
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "My answers" }).click(),
    ]);
    const handedIn = await download.path();
    const notebook = JSON.parse(readFileSync(handedIn, "utf8"));
    const source = (id) => [notebook.cells.find((cell) => cell.id === id).source].flat().join("");
    assert.equal(source("ex-1-prices-answer"), 'guess = "c"');
    assert.match(source("ex-1-slope-answer"), /raise NotImplementedError/);
    const folder = mkdtempSync(join(tmpdir(), "teacher-"));
    const teacher = (file) =>
      execFileSync(join(ROOT, ".venv", "bin", "python"), [join(ROOT, "page", "exercise", "teacher.py"), folder, file], {
        encoding: "utf8",
      });
    assert.match(teacher(handedIn), /has its code\./);
    notebook.metadata.natgrad.right.push("ex-1-slope");
    const changed = join(folder, "changed.ipynb");
    writeFileSync(changed, JSON.stringify(notebook));
    assert.match(teacher(changed), /was changed after its code was made/);
  },
  async "all answers are forgotten on demand"() {
    const { page, section, write } = await open();
    await write("ex-1-prices", 'guess = "c"');
    page.on("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Forget all answers" }).click();
    await page.reload();
    assert.match(await section("ex-1-prices").locator(".tag_answer pre").first().innerText(), /raise/);
  },
  async "on a phone, in the dark and in the light, nothing is cut off or unreadable"() {
    const { page, check } = await open({ viewport: { width: 390, height: 800 }, colorScheme: "dark" });
    await check("ex-1-slope");
    for (const colorScheme of ["dark", "light"]) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-theme=${colorScheme}]`).waitFor();
      assert.deepEqual(await violations(page, "article"), []);
    }
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  },
  async "from a file there is no Check, and hints and solutions unfold"() {
    const { page, section } = await open({ address: `${pathToFileURL(BOOK)}/` });
    assert.equal(await page.getByRole("button", { name: /^Check / }).count(), 0);
    await section("ex-1-slope").locator(".exercise-solution > summary").click();
    await section("ex-1-slope").locator(".exercise-solution pre").waitFor();
    assert.match(await page.locator(".python-controls").innerText(), /when the book is served/);
  },
};

const wanted = process.argv.slice(2);
const chosen = Object.entries(claims).filter(
  ([claim]) => !wanted.length || wanted.some((word) => claim.includes(word)),
);
for (const [claim, test] of chosen) {
  try {
    await test();
  } catch (error) {
    problems.push([`${claim}: ${error.message}`]);
  }
}
await browser.close();
await close();
report("exercise", problems.flat(), `${chosen.length} claims hold`);

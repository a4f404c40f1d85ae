// The figures that can be dragged, moved by mouse, touch and keyboard: the numbers they show must be those of natgrad.
// Of all elements, or of those that are named: node check_figures.mjs natgrad-coin

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { BOOK, launch, pages, report, serve, twoAtATime, violations, watch } from "../browser.mjs";

const FOLDER = import.meta.dirname;
const problems = [];
const states = [];
const server = await serve();
const browser = await launch();
const wanted = process.argv.slice(2);
// Where each stands in its chapter; on the first page, on slides and by itself it is the same.
const figures = pages().flatMap((page) => {
  if (!/^chapters\/\d/.test(page)) return [];
  const tags = [...readFileSync(join(BOOK, page), "utf8").matchAll(/<(natgrad-[a-z]+) class/g)].map(([, tag]) => tag);
  return tags.filter((tag) => !wanted.length || wanted.includes(tag)).map((tag) => ({ page, tag }));
});

// Beside each figure stands how it is moved. `drags`: how far, in units of the figure, each handle is moved by mouse,
// and back and elsewhere by touch. `keys`: what is done by keyboard, [which handle or control has the focus, keys].
// `places`: special ones, as the handles' coordinates, to which one is led by keyboard from wherever it is, after a
// choice if there is one. And, where it isn't like this: `steps` of the handles, 0.1, or to the side and up; in which of the drawing's axes a
// handle moves, the first; `shrink`, how long what is drawn there is, 1; by how much a handle's numbers change when
// it is moved, `goal`, by as much; and which row of the table a control `keeps`, none.
const moves = {};
for (const file of readdirSync(join(FOLDER, "figures")).filter((name) => /^\w+\.js$/.test(name)))
  moves[`natgrad-${file.slice(0, -3)}`] = await import(`./figures/${file.slice(0, -3)}.moves.mjs`);

const read = (element, what) =>
  element.evaluate((figure, what) => {
    const text = (node) =>
      node.innerHTML
        .replace(/ · 10<sup>(-?\d+)<\/sup>/g, "e$1")
        .replace(/<[^>]*>/g, "")
        .replaceAll("−", "-")
        .replaceAll("∞", "inf");
    const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [
      row.dataset.row,
      [...row.querySelectorAll("td")].map(text),
    ]);
    const handles = [...figure.querySelectorAll(".handle")].map((one) => [
      one.dataset.handle,
      {
        text: one.getAttribute("aria-valuetext").replaceAll("−", "-"),
        value: one.dataset.value.split(",").map(Number),
      },
    ]);
    const controls = [...figure.querySelectorAll("[data-control]:is(:checked, [type=range])")].map((one) => [
      one.dataset.control,
      one.type === "range" ? parseFloat(one.getAttribute("aria-valuetext")) : one.value,
    ]);
    return {
      what,
      tag: figure.localName,
      place: `${location.pathname.split("/").at(-1)}, ${innerWidth} px`,
      height: figure.getBoundingClientRect().height,
      start: JSON.parse(figure.dataset.figure),
      rows: Object.fromEntries(rows),
      inputs: Object.fromEntries(handles),
      message: text(figure.querySelector(".message")),
      state: Object.fromEntries(controls),
    };
  }, what);

// To the side and up.
const stepsOf = (tag, handle) => {
  const step = moves[tag].steps?.[handle] ?? 0.1;
  return Array.isArray(step) ? step : [step, step];
};

// Pixels to a unit, right and up, from what the figure says about its scale: its extent, or the marks on its axes.
const unit = (element, tag, handle) =>
  element.evaluate(
    (figure, [axes, shrink]) => {
      const { width, height } = figure.querySelector("svg").getBoundingClientRect();
      const { extent } = JSON.parse(figure.dataset.figure);
      if (extent) return Array(2).fill(Math.min(width, height) / 2 / extent);
      const ticks = [...figure.querySelectorAll(".axes")[axes].querySelectorAll(".tick")].map((tick) => {
        const { x, y, width, height } = tick.getBoundingClientRect();
        const across = tick.getAttribute("text-anchor") === "middle";
        return {
          across,
          value: Number(tick.textContent.replace("−", "-")),
          at: across ? x + width / 2 : y + height / 2,
        };
      });
      return [true, false].map((across) => {
        const [a, b] = [0, -1].map((i) => ticks.filter((tick) => tick.across === across).at(i));
        return shrink * Math.abs((b.at - a.at) / (b.value - a.value));
      });
    },
    [moves[tag].axes?.[handle] ?? 0, moves[tag].shrink ?? 1],
  );

async function drag(page, element, [name, right, up], touch) {
  const before = await read(element, `${touch ? "touch" : "mouse"}: ${name}`);
  const box = await element.locator(`[data-handle=${name}] .mark`).boundingBox();
  // Not quite in the middle: the handle must not jump to the finger.
  const from = [box.x + box.width / 2 + 3, box.y + box.height / 2 - 2];
  const [x, y] = await unit(element, before.tag, name);
  const start = before.inputs[name].value;
  const move = [right, up];
  const to = [from[0] + move[0] * x, from[1] - move[1] * y];
  const scrolled = await page.evaluate(() => scrollY);
  if (touch) {
    const client = await page.context().newCDPSession(page);
    const send = (type, points) =>
      client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y]) => ({ x, y })) });
    await send("touchStart", [from]);
    await send("touchMove", [[(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]]);
    await send("touchMove", [to]);
    await send("touchEnd", []);
  } else {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 4 });
    await page.mouse.up();
  }
  if ((await page.evaluate(() => scrollY)) !== scrolled)
    problems.push(`${before.tag}: the page scrolls while ${name} is dragged`);
  const after = await read(element, before.what);
  // Where it should be: in its own coordinates, and in whole steps. A step to the side may be lost to rounding of pixels.
  const goal = moves[before.tag].goal?.(name, move, before.start) ?? move;
  const moved = after.inputs[name].value.map((z, i) => z - start[i]);
  const steps = stepsOf(before.tag, name);
  if (moved.some((z, i) => !(Math.abs(z - goal[i]) <= 0.51 * steps[i] + 0.02 * Math.abs(goal[i]))))
    problems.push(`${before.tag}, ${after.what}: moved by ${moved}, not ${goal}`);
  states.push(after);
}

async function press(page, element, [target, keys]) {
  const before = await read(element);
  await element.locator(`[data-handle=${target}], [data-control=${target}]:is(:checked, [type=range])`).focus();
  for (const key of keys.split(" ")) await page.keyboard.press(key);
  const after = await read(element, `keyboard: ${target} ${keys}`);
  const kept = moves[after.tag].keeps?.[target];
  if (kept && String(after.rows[kept]) !== String(before.rows[kept]))
    problems.push(`${after.tag}: ${target} changes ${before.rows[kept]} to ${after.rows[kept]}`);
  if (/^(((Shift\+)?Arrow|Page)(Left|Right|Up|Down) ?)+$/.test(keys) && before.inputs[target]) {
    const start = before.inputs[target].value;
    const steps = stepsOf(after.tag, target);
    const presses = keys.split(" ").map((key) => {
      const times = (/Shift|Page/.test(key) ? 5 : 1) * (/Left|Down/.test(key) ? -1 : 1);
      const across = start.length === 1 || /Left|Right/.test(key);
      return [across ? times : 0, across ? 0 : times];
    });
    const goal = start.map((z, i) => z / steps[i] + presses.reduce((sum, move) => sum + move[i], 0));
    after.expected = { [target]: goal.map((z, i) => steps[i] * Math.round(z)) };
  }
  states.push(after);
}

// Lead a handle somewhere, as a reader would who has no mouse.
async function lead(page, element, [what, places, choice]) {
  if (choice) await element.locator(`[value="${choice}"]`).check();
  for (const [name, goal] of Object.entries(places)) {
    await element.locator(`[data-handle=${name}]`).focus();
    const steps = stepsOf(await element.evaluate((figure) => figure.localName), name);
    for (const [i, keys] of [
      ["ArrowLeft", "ArrowRight"],
      ["ArrowDown", "ArrowUp"],
    ]
      .slice(0, goal.length)
      .entries()) {
      const now = (await read(element)).inputs[name].value[i];
      const count = Math.round((goal[i] - now) / steps[i]);
      const key = keys[count > 0 ? 1 : 0];
      for (let left = Math.abs(count); left > 0; left -= left >= 5 ? 5 : 1)
        await page.keyboard.press(left >= 5 ? `Shift+${key}` : key);
    }
  }
  states.push({ ...(await read(element, what)), expected: places });
}

// What holds of figures that were moved.
async function judge(page, tags, name) {
  for (const tag of tags) {
    const element = page.locator(tag);
    await element
      .locator("[role=status]")
      .filter({ hasText: /\S/ })
      .waitFor({ state: "attached", timeout: 10_000 })
      .catch(() => problems.push(`${name}: ${tag}: nothing is announced`));
    const wide = await element.evaluate((figure) => figure.scrollWidth > figure.clientWidth + 1);
    if (wide) problems.push(`${name}: ${tag}: wider than its place`);
  }
  problems.push(...(await violations(page, ...tags)).map((violation) => `${name}: ${violation}`));
  await page.emulateMedia({ media: "print" });
  for (const tag of tags)
    if (!(await page.locator(`${tag} > img`).isVisible()) || (await page.locator(`${tag} .live`).isVisible()))
      problems.push(`${name}: ${tag}: print does not show the still picture`);
  await page.emulateMedia({ media: "screen" });
}

await twoAtATime(
  Map.groupBy(figures, (figure) => figure.page),
  async ([address, group]) => {
    const tags = group.map(({ tag }) => tag);
    // Without script the still picture is there, and nothing else.
    const still = await browser.newContext({ javaScriptEnabled: false });
    const silent = await still.newPage();
    await silent.goto(server.url + address);
    for (const tag of tags) {
      const picture = silent.locator(`${tag} > img`);
      if (!(await picture.isVisible()) || !((await picture.getAttribute("alt")) ?? "").match(/.{40}/))
        problems.push(`${address}: ${tag} has no still picture, or no text for it`);
      const stillBox = await picture.boundingBox();
      if (Math.abs((await silent.locator(tag).boundingBox()).height - stillBox.height) > 1)
        problems.push(`${address}: ${tag} leaves an empty place without script`);
    }
    await still.close();

    for (const [width, scheme, touch] of [
      [1280, "light", false],
      [360, "dark", true],
    ]) {
      const context = await browser.newContext({
        viewport: { width, height: 1000 },
        colorScheme: scheme,
        hasTouch: touch,
        reducedMotion: "reduce",
      });
      const page = await context.newPage();
      const name = `${address}, ${width} px`;
      // As high before the script has run as afterwards.
      let release;
      const measured = new Promise((resolve) => (release = resolve));
      await page.route(/figures\.js/, (route) => measured.then(() => route.continue()));
      const found = watch(page, server.url);
      const measure = async () => {
        const heights = {};
        for (const tag of tags) heights[tag] = (await page.locator(tag).boundingBox()).height;
        return heights;
      };
      await page.goto(server.url + address, { waitUntil: "commit" });
      for (const tag of tags) await page.locator(`${tag} > img`).waitFor();
      const waiting = await measure();
      release();
      await page.waitForLoadState();
      const alive = await measure();
      for (const tag of tags)
        if (Math.abs(waiting[tag] - alive[tag]) > 1)
          problems.push(`${name}: ${tag}: ${waiting[tag]} px high, then ${alive[tag]} px`);
      const fresh = {};
      for (const tag of tags) {
        const [element, [first, ...drags]] = [page.locator(tag), moves[tag].drags];
        await element.evaluate((figure) => figure.scrollIntoView({ block: "center", behavior: "instant" }));
        if (await element.locator("img").isVisible())
          problems.push(`${name}: ${tag}: still picture beside the live one`);
        fresh[tag] = await read(element, "at first");
        states.push(fresh[tag]);
        await drag(page, element, first, touch);
        if (!touch) continue;
        for (const move of drags) await drag(page, element, move, touch);
        for (const keys of moves[tag].keys) await press(page, element, keys);
      }
      if (touch) await judge(page, tags, name);
      // With a wide window all else is done on the figure's own page, where a step is drawn in half of the time.
      for (const tag of touch ? [] : tags) {
        await page.goto(`${server.url}figures/${tag.replace("natgrad-", "")}.html`);
        const [element, [first, ...drags]] = [page.locator(tag), moves[tag].drags];
        await element.locator(".live").waitFor();
        await drag(page, element, first, touch);
        for (const move of drags) await drag(page, element, move, touch);
        for (const keys of moves[tag].keys) await press(page, element, keys);
        await element.getByRole("button", { name: "Reset" }).click();
        const reset = await read(element, "reset");
        for (const part of ["rows", "inputs", "state", "message"])
          if (JSON.stringify(reset[part]) !== JSON.stringify(fresh[tag][part]))
            problems.push(`${name}: ${tag}: Reset does not bring back the beginning`);
        for (const place of moves[tag].places) await lead(page, element, place);
        await judge(page, [tag], `${name}, by itself`);
      }
      problems.push(...found.map((problem) => `${name}: ${problem}`));
      await context.close();
    }
  },
);

// An element that a script makes comes to life too: a figure that a reader has drawn.
{
  const page = await browser.newPage();
  await page.goto(server.url + figures[0].page);
  const rows = await page.evaluate((tag) => {
    const element = document.createElement(tag);
    element.dataset.figure = document.querySelector(tag).dataset.figure;
    document.querySelector("article").append(element);
    return element.querySelectorAll("tbody tr").length;
  }, figures[0].tag);
  if (!rows) problems.push("an element made by a script stays dead");
}

await browser.close();
await server.close();

for (const tag of wanted.length ? wanted : Object.keys(moves))
  if (!figures.some((figure) => figure.tag === tag)) problems.push(`no page has a ${tag}`);
// However they are moved, nothing below them does.
for (const [place, here] of Map.groupBy(states, ({ tag, place }) => `${tag}, ${place}`)) {
  const [low, ...others] = here.toSorted((a, b) => a.height - b.height);
  for (const { height, what, message } of others.filter((one) => one.height > low.height + 1))
    problems.push(`${place}: ${height} px high, not ${low.height}, ${what}: ${message}`);
}
const answer = execFileSync(join(FOLDER, "../../.venv/bin/python"), [join(FOLDER, "check_figures.py")], {
  input: JSON.stringify(states),
  encoding: "utf8",
});
problems.push(...answer.split("\n").filter(Boolean));
const files = [join(BOOK, "_static/figures.js"), join(FOLDER, "figures.css")];
const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
// What they have in common, and each of them.
if (bytes > (4 + 1.5 * Object.keys(moves).length) * 1024)
  problems.push(`figures.js and figures.css have ${bytes} bytes, compressed`);
report("figures", problems, `${figures.length} figures, ${states.length} states as natgrad has them, ${bytes} bytes`);

// axe-core finds nothing on any page, wide and on a phone, in light and in dark.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, pages, report, serve, settled, twoAtATime } from "../browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { url, close } = await serve();
const browser = await launch();
const problems = new Set();
// Colours don't depend on the width, nor what is where on the colours.
const views = [
  { width: 1280, colorScheme: "light" },
  { width: 390, colorScheme: "dark" },
].flatMap((view) => pages().map((path) => ({ path, ...view })));
await twoAtATime(views, async ({ path, width, colorScheme }) => {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  await page.goto(url + path);
  await settled(page);
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run({ resultTypes: ["violations"] });
    // axe hears no MathML: the heading of a column that is a formula has no text for it.
    const formula = (id, [target]) =>
      id === "empty-table-header" && document.querySelector(target).querySelector("math");
    return violations.flatMap(({ id, nodes }) =>
      nodes
        .filter(({ target }) => !formula(id, target))
        .map(
          ({ target, any, all, none }) => `${id}: ${target.join(" ")}: ${[...any, ...all, ...none][0]?.message ?? ""}`,
        ),
    );
  });
  for (const violation of found) problems.add(`${path}, ${width}, ${colorScheme}: ${violation}`);
  await context.close();
});
await browser.close();
await close();
report("accessibility", [...problems], `${pages().length} pages, wide and light, narrow and dark, no violation`);

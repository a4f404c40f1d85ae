// The search finds sections, equations and statements by number and by name, and words as before; a wrong address gives the 404 page.

import { launch, report, serve, settle, watch } from "../browser.mjs";

// What is searched for, and where the first result leads.
const EXPECTED = {
  2.4: "chapters/2_mahalanobis_distances.html#sec-2-4",
  "(2.14)": "chapters/2_mahalanobis_distances.html#equation-eq-2-4-natural-gradient",
  "eq. 2.14": "chapters/2_mahalanobis_distances.html#equation-eq-2-4-natural-gradient",
  "equation equivariance": "chapters/3_kullback_leibler_divergence.html#equation-eq-3-6-equivariance",
  "figure 2.5": "chapters/2_mahalanobis_distances.html#fig-2-5",
  "2.3d": "chapters/concordance.html#note-2-3d",
  "4.1a": "chapters/concordance.html#statement-4-1a",
  "Mahalanobis distance": "chapters/2_mahalanobis_distances.html#sec-2-2",
};

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const context = await browser.newContext();
for (const [query, expected] of Object.entries(EXPECTED)) {
  const page = await context.newPage();
  const found = watch(page, url);
  await settle(page, `${url}search.html?q=${encodeURIComponent(query)}`);
  await page
    .locator("#search-results li .context")
    .first()
    .waitFor({ timeout: 10_000 })
    .catch(() => found.push("no summary"));
  const links = await page.locator("#search-results li a").evaluateAll((all) => all.map((link) => link.href));
  const first = links[0]?.replace(url, "").replace(/\?[^#]*/, "");
  if (first !== expected) found.push(`the first result is ${first}, not ${expected}`);
  problems.push(...found.map((problem) => `${query}: ${problem}`));
  await page.close();
}

// Wherever the wrong address is, the page has its style and its links lead back.
const page = await browser.newPage();
const response = await page.goto(`${url}no/such/page.html`);
if (response.status() !== 404) problems.push(`a wrong address gives ${response.status()}`);
const missing = await page.evaluate(() =>
  performance.getEntriesByType("resource").filter(({ responseStatus }) => responseStatus >= 400),
);
const rules = await page.evaluate(() =>
  [...document.styleSheets].reduce((sum, { cssRules }) => sum + cssRules.length, 0),
);
if (missing.length || rules < 500) problems.push("the 404 page has no style");
await page.click("article a");
if (!(await page.title()).startsWith("Natural gradients")) problems.push("the 404 page does not lead back");

await browser.close();
await close();
report("search", problems, `${Object.keys(EXPECTED).length} searches, and the page for wrong addresses`);

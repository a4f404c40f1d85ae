// The search finds sections, equations, statements and questions by number and by name, and words as before;
// what it shows of a page can be read; a wrong address gives the 404 page.

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
  "self-test 3.4": "chapters/3_kullback_leibler_divergence.html#self-test-3-4",
  "Mahalanobis distance": "chapters/2_mahalanobis_distances.html#sec-2-2",
  "natural gradient": "chapters/2_mahalanobis_distances.html#equation-eq-2-4-natural-gradient",
  "why the KL's Hessian at zero":
    "chapters/4_one_step_after_another.html#question-why-isnt-the-hessian-zero-when-the-divergence-and-its-slope-are",
  "why the KL's Hessian at zero isn't zero":
    "chapters/4_one_step_after_another.html#question-why-isnt-the-hessian-zero-when-the-divergence-and-its-slope-are",
  "which way round is the KL": "chapters/4_one_step_after_another.html#question-which-way-round-is-the-divergence",
  "which letters":
    "chapters/4_one_step_after_another.html#question-does-it-matter-in-which-letters-or-coordinates-a-natural-step-is-taken",
  "in which coordinates":
    "chapters/4_one_step_after_another.html#question-does-it-matter-in-which-letters-or-coordinates-a-natural-step-is-taken",
  "is Adam a natural gradient": "chapters/4_one_step_after_another.html#question-is-adam-a-natural-gradient",
  "is it Newton": "chapters/4_one_step_after_another.html#question-is-it-newtons-method",
  "does it still matter": "chapters/7_when_the_matrix_is_too_big.html#question-does-it-still-matter",
  "which Fisher": "chapters/5_fitting_data.html#sec-5-3",
  "χ²": "chapters/3_kullback_leibler_divergence.html#equation-eq-3-1-chi2",
};

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const context = await browser.newContext();
const highlighted = (page) => page.locator(".highlighted").evaluateAll((all) => all.map((word) => word.textContent));

for (const [query, expected] of Object.entries(EXPECTED)) {
  const page = await context.newPage();
  const found = watch(page, url);
  await settle(page, `${url}search.html?q=${encodeURIComponent(query)}`);
  // Once all pages have come, every result has its summary, except the package's names, which say what they are.
  const summaries = page.locator("#search-results li:not(:has(.context)):not(:has(span:not(.highlighted)))");
  await page.locator("#search-results li").first().waitFor({ timeout: 10_000 });
  await page
    .waitForFunction(() => document.querySelector(".search-summary").textContent.includes("finished"))
    .then(() => summaries.first().waitFor({ state: "detached", timeout: 10_000 }))
    .catch(() => found.push("no summary"));
  const results = page.locator("#search-results li");
  const links = await results.locator("a").evaluateAll((all) => all.map((link) => link.href));
  const first = links[0]?.replace(url, "").replace(/\?[^#]*/, "");
  if (first !== expected) found.push(`the first result is ${first}, not ${expected}`);
  for (const text of await results.allTextContents()) {
    if (text.includes("\\")) found.push(`a result shows LaTeX: ${text.match(/.{0,20}\\.{0,20}/)[0]}`);
  }
  for (const word of await highlighted(page)) {
    if (word.length < 2) found.push(`"${word}" is highlighted`);
  }
  problems.push(...found.map((problem) => `${query}: ${problem}`));
  await page.close();
}

// From the dialog of a chapter to the question; there words are highlighted as a whole, and nothing in a formula.
const reader = await context.newPage();
const amiss = watch(reader, url);
await settle(reader, `${url}chapters/1_natural_gradients.html`);
await reader.keyboard.press("ControlOrMeta+k");
await reader.keyboard.type("which way round is the KL");
await reader.keyboard.press("Enter");
await reader.locator("#search-results li a").first().click();
await reader
  .waitForURL("**#question-which-way-round-is-the-divergence", { timeout: 10_000 })
  .then(() => reader.locator("p#question-which-way-round-is-the-divergence").waitFor())
  .catch(() => amiss.push("the first result does not lead to the question"));
await reader.locator(".highlighted").first().waitFor();
const words = new Set((await highlighted(reader)).map((word) => word.toLowerCase()));
if ([...words].sort().join() !== "kl,round,way") amiss.push(`${[...words].join()} are highlighted`);
if (await reader.locator(".math .highlighted").count()) amiss.push("something in a formula is highlighted");
problems.push(...amiss.map((problem) => `dialog: ${problem}`));

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

// Every page asks its own host for everything, loads without an error, and is light; its anchors are there once, and its links lead to some.
// Each that is part of the book says what it is to reference managers.

import { launch, pages, report, serve, settle, twoAtATime, watch } from "../browser.mjs";

const MOST = 350 * 1024; // bytes over the wire, compressed, before anything is run

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const weights = {};
const anchors = new Map();
let requests = 0;
await twoAtATime(pages(), async (path) => {
  const page = await browser.newPage();
  const found = watch(page, url);
  const received = [];
  page.on("requestfinished", (request) => received.push(request.sizes()));
  await settle(page, url + path);
  await page.waitForTimeout(500); // so that what a script asks for later is seen, too
  const weight = (await Promise.all(received)).reduce(
    (sum, size) => sum + size.responseBodySize + size.responseHeadersSize,
    0,
  );
  if (weight > MOST) found.push(`${Math.round(weight / 1024)} KiB`);
  const { ids, links, cited } = await page.evaluate(() => ({
    cited: JSON.parse(document.querySelector('[name="citation_title"] ~ [type="application/ld+json"]')?.text ?? null),
    ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
    links: [...document.querySelectorAll('main a[href*="#"], nav a[href*="#"]')].map(
      (link) => new URL(link.getAttribute("href"), location.href).href, // of drawings, too
    ),
  }));
  if (!cited?.name && !["404.html", "search.html"].includes(path)) found.push("does not say what it is");
  anchors.set(url + path, { ids, links });
  found.push(...ids.filter((id, k) => ids.indexOf(id) !== k).map((id) => `the anchor ${id} is there twice`));
  weights[path] = weight;
  requests += received.length;
  problems.push(...found.map((problem) => `${path}: ${problem}`));
  await page.close();
});
for (const [from, { links }] of anchors) {
  for (const link of links) {
    const [address, hash] = link.split("#");
    const anchor = decodeURIComponent(hash.replace(/^\//, "")); // slides have it in their addresses
    const there = anchors.get(address.endsWith("/") ? `${address}index.html` : address);
    if (address.startsWith(url) && anchor && !there?.ids.includes(anchor)) problems.push(`${from}: ${link}`);
  }
}
await browser.close();
await close();
const heaviest = Math.round(Math.max(...Object.values(weights)) / 1024);
report(
  "requests",
  problems,
  `${pages().length} pages, ${requests} requests, none to another host, at most ${heaviest} KiB a page`,
);
if (process.argv.includes("--weights"))
  for (const path of pages()) console.log(`${Math.round(weights[path] / 1024)} KiB  ${path}`);

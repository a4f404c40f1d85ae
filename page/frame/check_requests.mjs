// Every page asks its own host for everything, loads without an error, and is light.

import { launch, pages, report, serve, watch } from "../browser.mjs";

// Bytes over the wire, compressed, before anything is run; chapters 4 to 7 have most figures.
const most = (path) => 1024 * (/^chapters\/[4-7]_/.test(path) ? 500 : 350);

const { url, close } = await serve();
const browser = await launch();
const problems = [];
const weights = [];
let requests = 0;
for (const path of pages()) {
  const page = await browser.newPage();
  const found = watch(page, url);
  const received = [];
  page.on("requestfinished", (request) => received.push(request.sizes()));
  await page.goto(url + path, { waitUntil: "networkidle" });
  const weight = (await Promise.all(received)).reduce(
    (sum, size) => sum + size.responseBodySize + size.responseHeadersSize,
    0,
  );
  if (weight > most(path)) found.push(`${Math.round(weight / 1024)} KiB`);
  weights.push(weight);
  requests += received.length;
  problems.push(...found.map((problem) => `${path}: ${problem}`));
  await page.close();
}
await browser.close();
await close();
const heaviest = Math.round(Math.max(...weights) / 1024);
report(
  "requests",
  problems,
  `${pages().length} pages, ${requests} requests, none to another host, at most ${heaviest} KiB a page`,
);
if (process.argv.includes("--weights"))
  pages().forEach((path, k) => console.log(`${Math.round(weights[k] / 1024)} KiB  ${path}`));

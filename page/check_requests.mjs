// Every page asks its own host for everything, and loads without an error.

import { launch, pages, report, serve, watch } from "./browser.mjs";

const { url, close } = await serve();
const browser = await launch();
const problems = [];
let requests = 0;
for (const path of pages()) {
  const page = await browser.newPage();
  const found = watch(page, url);
  page.on("request", () => (requests += 1));
  await page.goto(url + path, { waitUntil: "networkidle" });
  problems.push(...found.map((problem) => `${path}: ${problem}`));
  await page.close();
}
await browser.close();
await close();
report("requests", problems, `${pages().length} pages, ${requests} requests, none to another host`);

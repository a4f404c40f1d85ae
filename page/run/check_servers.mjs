// A cell runs, is edited and draws wherever the pages stand: on nginx as Debian ships it, at the top and below a path,
// on Python's own server, and under a strict Content-Security-Policy; and also in Firefox and WebKit it runs there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOK, launch, pages, report, watch } from "../browser.mjs";
import { browsers } from "./drive.mjs";

// Python compiles WebAssembly, and figures have styles of their own; scripts and all else come from the server alone.
const STRICT = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval' HASHES",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

// The theme has a few scripts in the pages themselves; a policy names them by their hashes.
function strict() {
  const hashes = pages().flatMap((path) => {
    const html = readFileSync(join(BOOK, path), "utf8");
    const scripts = [...html.matchAll(/<script(?![^>]*(?:src=|ld\+json))[^>]*>(.*?)<\/script>/gs)];
    return scripts.map(([, text]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  });
  return STRICT.replace("HASHES", [...new Set(hashes)].join(" "));
}

function freePort() {
  return new Promise((found) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}

/** Starts a server, and waits until it answers. */
async function serve(command, options, url) {
  const program = spawn(command, options, { stdio: "ignore" });
  for (let left = 100; ; left -= 1) {
    if (await fetch(url).catch(() => false)) return program;
    if (!left || program.exitCode !== null) throw new Error(`${command} does not answer at ${url}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const folder = mkdtempSync(join(tmpdir(), "servers-"));

// Debian's own files for types and options; only the port and the places of files are ours.
async function nginx(path, policy) {
  const port = await freePort();
  const root = join(folder, String(port));
  mkdirSync(join(root, "some"), { recursive: true });
  if (path) symlinkSync(BOOK, join(root, path));
  const header = policy ? `add_header Content-Security-Policy "${policy}";` : "";
  const ours = `listen 127.0.0.1:${port}; root ${path ? root : BOOK}; index index.html; ${header}`;
  const configuration = readFileSync("/etc/nginx/nginx.conf", "utf8")
    .replace(/^user .*$/m, "user root;")
    .replace(/^pid .*$/m, `pid ${root}/pid;`)
    .replace(/^include \/etc\/nginx\/modules-enabled.*$/m, "")
    .replace(/(access|error)_log [^;]*;/g, `$1_log ${root}/$1.log;`)
    .replace(/^\s*include \/etc\/nginx\/conf\.d.*$/m, "")
    .replace(/^\s*include \/etc\/nginx\/sites-enabled.*$/m, `server { ${ours} }`);
  writeFileSync(join(root, "nginx.conf"), configuration);
  const url = `http://127.0.0.1:${port}/${path ? `${path}/` : ""}`;
  const program = await serve("/usr/sbin/nginx", ["-c", join(root, "nginx.conf"), "-g", "daemon off;"], url);
  return { url, program };
}

async function python() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const options = ["-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", BOOK];
  return { url, program: await serve("python3", options, url) };
}

const servers = {
  "nginx as Debian ships it": () => nginx(""),
  "nginx, below a path": () => nginx("some/where"),
  "python -m http.server": python,
  "nginx with a strict policy": () => nginx("", strict()),
};

async function check(browser, url) {
  const page = await browser.newPage();
  const problems = watch(page, url);
  await page.addInitScript(() => localStorage.setItem("checks", "shown"));
  await page.goto(`${url}chapters/1_natural_gradients.html`);
  const cells = page.locator(".cell:has(> .cell-controls)");
  const number = 1 + (await cells.evaluateAll((all) => all.findIndex((cell) => cell.querySelector("figure"))));
  await page.getByRole("button", { name: `Run cell ${number}`, exact: true }).click();
  const state = (n) =>
    cells
      .nth(n - 1)
      .locator(".cell-state")
      .filter({ hasText: "ran in" });
  await state(number).waitFor({ timeout: 180_000 });
  await page.getByRole("button", { name: "Edit cell 3", exact: true }).click();
  const editor = page.getByRole("textbox", { name: "Python code of cell" });
  await editor.press("ControlOrMeta+a");
  await page.keyboard.type("sp.sqrt(2) / 2");
  await page.keyboard.press("Shift+Enter");
  await cells.nth(2).locator(".katex-html").waitFor({ timeout: 60_000 });
  await page.goto(`${url}search.html?q=natural`);
  await page.locator("#search-results li").first().waitFor();
  await page.goto(`${url}chapters/2_mahalanobis_distances.html`);
  await page.locator("natgrad-ball [data-handle=gradient]").waitFor();
  await page.goto(`${url}index.html`);
  await page.evaluate(() => {
    window.print = () => document.body.classList.add("printed");
  });
  await page.getByRole("button", { name: "Download" }).first().click();
  await page.locator(".btn-download-pdf-button").first().click();
  await page.locator("body.printed").waitFor();
  await page.close();
  assert.deepEqual([...new Set(problems)], []);
}

async function runs(page, url) {
  const address = `${url}chapters/1_natural_gradients.html`;
  await page.open(address);
  await page.evaluate(() => localStorage.setItem("checks", "shown"));
  await page.open(address);
  await page.click('[aria-label="Run cell 3"]');
  await page.until(() => document.querySelectorAll(".cell-state")[2].textContent.includes("ran in"));
}

const browser = await launch();
const problems = [];
const { Chromium: _, ...all } = browsers();
const others = [];
for (const [name, start] of Object.entries(all)) {
  if (start) others.push(await start());
  else problems.push(`${name} is not installed: make browsers`);
}
for (const [name, start] of Object.entries(servers)) {
  let server;
  try {
    server = await start();
    await check(browser, server.url);
    for (const page of others) await runs(page, server.url);
    const where = others.map(({ name }) => name).join(" and ");
    console.log(
      `        ${name}: a cell runs, is edited and draws; the search finds; a figure lives; ${where} run a cell`,
    );
  } catch (error) {
    problems.push(`${name}: ${error.message}`);
  }
  server?.program.kill();
}
for (const page of others) await page.close();
await browser.close();
rmSync(folder, { recursive: true });
report("servers", problems, Object.keys(servers).join(", "));

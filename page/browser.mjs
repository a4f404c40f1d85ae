// What the browser checks share: the built book on a free port of this computer, and a Chromium that reaches nothing else.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";

export const BOOK = join(dirname(fileURLToPath(import.meta.url)), "..", "_build", "html");

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".whl": "application/zip",
  ".woff2": "font/woff2",
  ".zip": "application/zip",
};
const COMPRESSED = new Set([".css", ".html", ".js", ".json", ".svg", ".txt", ".wasm"]);

// The pages of the book, as paths below its root; the theme's own snippets in _static are none.
export function pages(folder = BOOK) {
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith(".html") && !path.startsWith("_static"))
    .map((path) => path.split(sep).join("/"))
    .sort();
}

// Where the book is on its host: at the top or, if its address says so, below some path.
function basePath() {
  const sitemap = join(BOOK, "sitemap.xml");
  return existsSync(sitemap) ? new URL(readFileSync(sitemap, "utf8").match(/<loc>(.*?)</)[1]).pathname : "/";
}

// Serves a folder as a plain static host would, gzip and 404.html included: only types that every server knows.
// `amiss` says what is wrong with a path, if anything: { status } or { type }. Gives { url, close }.
export async function serve(folder = BOOK, amiss = () => ({})) {
  const cache = new Map();
  const base = folder === BOOK ? basePath() : "/";
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (!pathname.startsWith(base)) return response.writeHead(404).end();
    let path = normalize(join(folder, decodeURIComponent(pathname.slice(base.length))));
    if (existsSync(path) && statSync(path).isDirectory()) path = join(path, "index.html");
    let { status = 200, type = TYPES[extname(path)] ?? "application/octet-stream" } = amiss(path);
    if (status !== 200) return response.writeHead(status).end();
    if (relative(folder, path).startsWith("..") || !existsSync(path)) {
      status = 404;
      path = join(folder, "404.html");
      if (!existsSync(path)) return response.writeHead(404).end();
    }
    // So that a browser that has the file asks only whether it is still the same.
    const modified = statSync(path).mtime.toUTCString();
    if (request.headers["if-modified-since"] === modified && status === 200) return response.writeHead(304).end();
    const headers = { "content-type": type, "last-modified": modified };
    if (COMPRESSED.has(extname(path))) headers["content-encoding"] = "gzip";
    if (!cache.has(path))
      cache.set(path, headers["content-encoding"] ? gzipSync(readFileSync(path)) : readFileSync(path));
    headers["content-length"] = cache.get(path).length;
    response.writeHead(status, headers).end(cache.get(path));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}${base}`,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(closed);
      }),
  };
}

function installed(name) {
  try {
    return execFileSync("which", [name], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return undefined;
  }
}

// CHROME_PATH, or what is installed; nothing if there is nothing to run.
export function chromiumPath() {
  const { CHROME_PATH } = process.env;
  if (CHROME_PATH) {
    if (existsSync(CHROME_PATH)) return CHROME_PATH;
    console.error(`CHROME_PATH is ${CHROME_PATH}, but there is no such file.`);
    process.exit(1);
  }
  const names = ["chromium", "chromium-browser", "google-chrome", "chromium-headless-shell"];
  const mac = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  ];
  return names.map(installed).find(Boolean) ?? mac.find(existsSync);
}

// No name but this computer's address can be resolved.
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

// The same browser without a window takes half the time for a page.
export function launch() {
  const shell = process.env.CHROME_PATH ? undefined : installed("chromium-headless-shell");
  return chromium.launch({ executablePath: shell ?? chromiumPath(), args: FLAGS });
}

// Opens an address, or the page again, until nothing moves: what is clicked while a font arrives may not be what was meant.
export async function settle(page, address) {
  await (address ? page.goto(address) : page.reload());
  await page.evaluate(() => document.fonts.ready.then(() => {}));
}

// Does the work for all items, two at a time, because each keeps one processor busy.
export async function twoAtATime(items, work) {
  const left = [...items];
  const next = async () => {
    while (left.length) await work(left.shift());
  };
  await Promise.all([next(), next()]);
}

// What axe finds in parts of a page, given by their selectors. It sets up all that is on a page, however little of it is
// asked for, and takes seconds for a chapter: of that only what is near the parts stays for the while, where it may cover them.
export async function violations(page, ...parts) {
  await page.evaluate(readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8"));
  const found = await page.evaluate(async (parts) => {
    const places = [...document.querySelectorAll(parts.join())].map((part) => part.getBoundingClientRect());
    const far = [...document.querySelectorAll("article section > :not(section)")].filter((block) => {
      const { top, bottom } = block.getBoundingClientRect();
      return places.every((place) => bottom < place.top - 100 || top > place.bottom + 100);
    });
    const before = scrollY;
    const marks = far.map((block) => {
      const mark = document.createComment("");
      block.replaceWith(mark);
      return mark;
    });
    try {
      return (await window.axe.run({ include: parts.map((part) => [part]) })).violations;
    } finally {
      for (const [k, mark] of marks.entries()) mark.replaceWith(far[k]);
      scrollTo({ top: before, behavior: "instant" });
    }
  }, parts);
  return found.map(({ id, help, nodes }) => `axe: ${id}: ${help}: ${nodes[0].html}`);
}

// Collects what goes wrong on a page from now on: requests to other hosts, failed requests, console errors, page errors.
export function watch(page, url) {
  const problems = [];
  const own = (address) => address.startsWith(url) || /^(data|blob|about):/.test(address);
  page.on("request", (request) => own(request.url()) || problems.push(`asks another host: ${request.url()}`));
  page.on("websocket", (socket) => problems.push(`opens a socket: ${socket.url()}`));
  page.on(
    "response",
    (response) => response.status() >= 400 && problems.push(`${response.status()}: ${response.url()}`),
  );
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error}`));
  return problems;
}

// Prints what was found and sets the exit code.
export function report(name, problems, summary) {
  for (const problem of problems) console.error(`  ${problem}`);
  console.log(
    `${problems.length ? "FAILED" : "passed"}  ${name}: ${problems.length ? `${problems.length} problems` : summary}`,
  );
  if (problems.length) process.exitCode = 1;
}

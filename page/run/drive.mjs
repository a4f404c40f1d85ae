// Firefox and WebKit as Debian has them, by what each speaks itself: WebDriver BiDi and WebDriver.
// (Playwright drives builds of its own only, and Chromium.) All press keys and move the mouse, in the same words.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch } from "../browser.mjs";

const MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
// No host but this computer is asked, and nothing is updated or reported.
const PREFERENCES = {
  "app.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.proxy.type": 1,
  "network.proxy.http": "127.0.0.1",
  "network.proxy.http_port": 9,
  "network.proxy.ssl": "127.0.0.1",
  "network.proxy.ssl_port": 9,
  "network.proxy.no_proxies_on": "127.0.0.1",
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

/** A program, and the words after which it is ready, if it says any. */
async function start(command, options, { env, says } = {}) {
  const program = spawn(command, options, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const heard = await new Promise((resolve, reject) => {
    const listen = (text) => {
      said += text;
      const found = says && said.match(says);
      if (found) resolve(found);
    };
    program.stdout.on("data", listen);
    program.stderr.on("data", listen);
    program.on("error", reject);
    program.on("exit", (code) => reject(new Error(`${command} ended with ${code}: ${said.slice(-300)}`)));
    if (!says) setTimeout(resolve, 500);
  });
  return { program, heard };
}

/** Ends a program and waits until it has ended. */
async function end(program) {
  if (program.exitCode !== null) return;
  const ended = new Promise((resolve) => program.once("exit", resolve));
  program.kill();
  const late = setTimeout(() => program.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(late);
}

/** The megabytes that all programs take that were started here, directly or not; what they share is counted once. */
export function megabytes(pid = process.pid) {
  try {
    const read = (file) => readFileSync(`/proc/${pid}/${file}`, "utf8");
    const children = readdirSync(`/proc/${pid}/task`).flatMap(
      (task) => read(`task/${task}/children`).match(/\d+/g) ?? [],
    );
    const own = pid === process.pid || read("comm") === "Xvfb\n" ? 0 : /^Pss: *(\d+)/m.exec(read("smaps_rollup"))[1];
    return children.reduce((sum, child) => sum + megabytes(child), own / 1024);
  } catch {
    return 0; // it has ended meanwhile
  }
}

class Page {
  /** Waits until a function of the page gives something, and gives it. */
  async until(what, ...given) {
    const limit = Date.now() + 240_000;
    for (;;) {
      const found = await this.evaluate(what, ...given);
      if (found) return found;
      if (Date.now() > limit) throw new Error(`waited in vain for ${what} ${JSON.stringify(given)}`);
      await sleep(100);
    }
  }

  /** Presses keys, each by its character or name; those before the last of a combination are held: ["Control", "a"]. */
  async press(...combinations) {
    const actions = combinations.flatMap((keys) => {
      const values = [keys].flat().map((key) => KEYS[key] ?? key);
      return [
        ...values.map((value) => ({ type: "keyDown", value })),
        ...values.reverse().map((value) => ({ type: "keyUp", value })),
      ];
    });
    await this.perform([{ type: "key", id: "keyboard", actions }]);
  }

  type(text) {
    return this.press(...text.replaceAll("\n", "\uE007"));
  }

  /** Moves the mouse from place to place with its button down; a click if there is one place. */
  async drag(...places) {
    const move = ([x, y]) => ({ type: "pointerMove", x: Math.round(x), y: Math.round(y), duration: 50 });
    const actions = [
      move(places[0]),
      { type: "pointerDown", button: 0 },
      ...places.slice(1).map(move),
      { type: "pointerUp", button: 0 },
    ];
    await this.perform([{ type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions }]);
  }

  /** Where the middle of an element is, when it is in sight and nothing moves it any more. */
  async place(selector) {
    const look = (selector) => {
      const found = document.querySelector(selector);
      if (!found) return null;
      const { x, y, width, height } = found.getBoundingClientRect();
      const [right, down] = [x + width / 2, y + height / 2];
      const seen = width && right > 0 && right < innerWidth && down > 80 && down < innerHeight - 80;
      if (!seen) found.scrollIntoView({ block: "center", behavior: "instant" });
      return seen ? [right, down] : null;
    };
    for (let before; ; await sleep(200)) {
      const place = await this.until(look, selector);
      if (before?.join() === place.join()) return place;
      before = place;
    }
  }

  async click(selector) {
    await this.drag(await this.place(selector));
  }
}

const KEYS = {
  Shift: "\uE008",
  Control: "\uE009",
  Enter: "\uE007",
  Tab: "\uE004",
  Escape: "\uE00C",
  Home: "\uE011",
  End: "\uE010",
  ArrowLeft: "\uE012",
  ArrowUp: "\uE013",
  ArrowRight: "\uE014",
  ArrowDown: "\uE015",
  Backspace: "\uE003",
};

const NAMES = Object.fromEntries(Object.entries(KEYS).map(([name, value]) => [value, name]));

class Chromium extends Page {
  static async launch() {
    const page = new Chromium();
    page.browser = await launch();
    page.page = await page.browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.name = `Chromium ${page.browser.version()}`;
    return page;
  }

  async open(url) {
    await this.page.goto(url);
  }

  async evaluate(what, ...given) {
    const expression = `JSON.stringify((${what})(...${JSON.stringify(given)})) ?? "null"`;
    return JSON.parse(await this.page.evaluate(expression));
  }

  async perform([{ actions }]) {
    const { keyboard, mouse } = this.page;
    const does = {
      keyDown: ({ value }) => keyboard.down(NAMES[value] ?? value),
      keyUp: ({ value }) => keyboard.up(NAMES[value] ?? value),
      pointerMove: ({ x, y }) => mouse.move(x, y),
      pointerDown: () => mouse.down(),
      pointerUp: () => mouse.up(),
    };
    for (const action of actions) await does[action.type](action);
  }

  close() {
    return this.browser.close();
  }
}

class Firefox extends Page {
  #count = 0;
  #waiting = new Map();

  static async launch() {
    const page = new Firefox();
    page.profile = mkdtempSync(join(tmpdir(), "firefox-"));
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`);
    writeFileSync(join(page.profile, "user.js"), lines.join("\n"));
    const options = ["--headless", "--no-remote", "--profile", page.profile, "--remote-debugging-port", "0"];
    const says = /WebDriver BiDi listening on (ws:\S+)/;
    const { program, heard } = await start("firefox-esr", options, { env: { HOME: page.profile }, says });
    page.program = program;
    page.socket = new WebSocket(`${heard[1]}/session`);
    await new Promise((opened, failed) => {
      page.socket.onopen = opened;
      page.socket.onerror = failed;
    });
    page.socket.onmessage = ({ data }) => page.#receive(JSON.parse(data));
    const { capabilities } = await page.#ask("session.new", { capabilities: {} });
    page.name = `Firefox ${capabilities.browserVersion}`;
    const { contexts } = await page.#ask("browsingContext.getTree", {});
    page.context = contexts[0].context;
    const viewport = { width: 1280, height: 900 };
    await page.#ask("browsingContext.setViewport", { context: page.context, viewport });
    return page;
  }

  #receive({ type, id, result, error, message }) {
    const [resolve, reject] = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    if (type === "success") resolve(result);
    if (type === "error") reject(new Error(`${error}: ${message}`));
  }

  #ask(method, params) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, [resolve, reject]);
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async open(url) {
    await this.#ask("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  async evaluate(what, ...given) {
    const expression = `JSON.stringify((${what})(...${JSON.stringify(given)})) ?? "null"`;
    const target = { context: this.context };
    const answer = await this.#ask("script.evaluate", { expression, target, awaitPromise: true });
    if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
    return JSON.parse(answer.result.value);
  }

  async perform(actions) {
    await this.#ask("input.performActions", { context: this.context, actions });
  }

  async close() {
    this.socket.close();
    await end(this.program);
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class WebKit extends Page {
  static async launch() {
    const page = new WebKit();
    // The display says its number when it is ready, the driver nothing.
    const screen = ["-displayfd", "1", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"];
    const display = await start("Xvfb", screen, { says: /(\d+)\n/ });
    page.display = display.program;
    const port = 20_000 + (process.pid % 20_000);
    const env = { DISPLAY: `:${display.heard[1]}`, GDK_BACKEND: "x11", LIBGL_ALWAYS_SOFTWARE: "1" };
    page.driver = (await start("WebKitWebDriver", [`--port=${port}`], { env })).program;
    page.address = `http://127.0.0.1:${port}/session`;
    const browser = { binary: MINI_BROWSER, args: ["--automation"] };
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": browser } };
    const session = await page.#ask("", { capabilities });
    page.address += `/${session.sessionId}`;
    page.name = `WebKitGTK ${session.capabilities.browserVersion}`;
    await page.#ask("/timeouts", { script: 180_000, pageLoad: 180_000 });
    return page;
  }

  async #ask(path, body, method = "POST") {
    const content = method === "POST" ? { body: JSON.stringify(body) } : {};
    const { value } = await (await fetch(this.address + path, { method, ...content })).json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  async open(url) {
    await this.#ask("/url", { url });
  }

  async evaluate(what, ...given) {
    const script = `return JSON.stringify((${what})(...${JSON.stringify(given)})) ?? "null"`;
    return JSON.parse(await this.#ask("/execute/sync", { script, args: [] }));
  }

  async perform(actions) {
    await this.#ask("/actions", { actions });
  }

  async close() {
    await this.#ask("", undefined, "DELETE");
    await end(this.driver);
    await end(this.display);
  }
}

/** The browsers that are there, and the names of those that aren't. */
export function browsers() {
  const has = (program) => {
    try {
      return Boolean(execFileSync("which", [program], { stdio: "pipe" }));
    } catch {
      return false;
    }
  };
  return {
    Chromium: () => Chromium.launch(),
    Firefox: has("firefox-esr") && (() => Firefox.launch()),
    WebKit: has("WebKitWebDriver") && has("Xvfb") && existsSync(MINI_BROWSER) && (() => WebKit.launch()),
  };
}

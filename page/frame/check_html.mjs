// Every page is valid HTML, as the W3C's checker sees it (which needs Java).

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { BOOK, pages, report } from "../browser.mjs";

const checker = createRequire(import.meta.url)("vnu-jar");
const files = pages().map((path) => join(BOOK, path));
const options = ["-Xss8m", "-jar", checker, "--errors-only", "--format", "json", "--stdout"];
const { stdout, stderr, error } = spawnSync("java", [...options, ...files], { encoding: "utf8", maxBuffer: 1e9 });
if (error || !stdout) throw error ?? new Error(stderr);
const problems = JSON.parse(stdout).messages.map(
  ({ url, lastLine, message, extract }) =>
    `${url.split("/").at(-1)}, line ${lastLine}: ${message} ${extract?.trim() ?? ""}`,
);
report("HTML", problems, `${files.length} pages, no error`);

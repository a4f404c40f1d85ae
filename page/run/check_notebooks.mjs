// The notebooks that readers take away: check_notebooks.py reads all of them and runs one.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { report } from "../browser.mjs";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const answer = execFileSync(join(FOLDER, "../../.venv/bin/python"), [join(FOLDER, "check_notebooks.py")], {
  encoding: "utf8",
  stdio: "pipe", // a kernel talks; if it fails, the error has what it said
});
const { problems, summary } = JSON.parse(answer);
report("notebooks", problems, summary);

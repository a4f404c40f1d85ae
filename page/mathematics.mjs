// Sets mathematics: each line of the standard input is a JSON string of LaTeX and whether it is displayed,
// each line of the standard output is the JSON string of its HTML, or an object that says what is wrong.

import katex from "katex";
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const [tex, displayMode] = JSON.parse(line);
  let answer;
  try {
    answer = katex.renderToString(tex, { displayMode, strict: "error" });
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

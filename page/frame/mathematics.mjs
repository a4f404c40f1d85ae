// Sets mathematics: each line of the standard input is a JSON string of LaTeX and whether it is displayed,
// each line of the standard output is the JSON string of its HTML, or an object that says what is wrong.
// Not by sphinxcontrib-katex, which prerenders too, because what KaTeX writes is not all valid and is mended on the way.

import { createInterface } from "node:readline";
import katex from "katex";

// What KaTeX writes that is not valid: a second element below an operator's name, and heights that browsers ignore.
const valid = (html) =>
  html
    .replace(/<mo>\u2061<\/mo>(?=<\/(msub|msup|msubsup|munder)>)/g, "")
    .replace(/(style="[^"]*?)height:-[\d.]+em;/g, "$1");

for await (const line of createInterface({ input: process.stdin })) {
  const [tex, displayMode] = JSON.parse(line);
  let answer;
  try {
    answer = valid(katex.renderToString(tex, { displayMode, strict: "error" }));
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

// Draws vector graphics as bitmaps: a list of SVG texts comes in, a list of [PNG in base64, width, height] goes out.
// Twice as many pixels as the picture's width and height, for sharp lines.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

await initWasm(readFileSync(fileURLToPath(import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm"))));
const drawn = JSON.parse(readFileSync(0, "utf8")).map((svg) => {
  const picture = new Resvg(svg, { fitTo: { mode: "zoom", value: 2 }, background: "white" });
  const { width, height } = picture;
  return [Buffer.from(picture.render().asPng()).toString("base64"), Math.round(width), Math.round(height)];
});
console.log(JSON.stringify(drawn));

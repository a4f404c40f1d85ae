// Makes one file of the editor and of what it imports, and prints the paths of all its parts: node bundle_editor.mjs FILE

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const { metafile } = await build({
  entryPoints: [fileURLToPath(new URL("editor.mjs", import.meta.url))],
  outfile: process.argv[2],
  bundle: true,
  minify: true,
  format: "esm",
  metafile: true,
});
console.log(Object.keys(metafile.inputs).join("\n"));

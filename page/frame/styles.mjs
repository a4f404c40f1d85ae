// Leaves in the theme's style sheets only the rules that a page or a script of the built book can need.
// The book's folder is the argument. Every word of a page or a script counts as the name of a class.

import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PurgeCSS } from "purgecss";

const folder = process.argv[2];
const files = (pattern) => globSync(join(folder, pattern), { exclude: [join(folder, "_static/python/pyodide-*/*")] });
const purged = await new PurgeCSS().purge({
  content: [...files("**/*.html"), ...files("**/*.js"), ...files("**/*.mjs")],
  css: [...files("_static/styles/*.css"), ...files("_static/{mystnb*,sphinx-design*}.css")],
  fontFace: true,
  safelist: [/^bs-/], // which Bootstrap puts together, as in "bs-tooltip-" + side
});
for (const { file, css } of purged) writeFileSync(file, css);

// `make serve`: the book on this computer, until Ctrl-C.

import { serve } from "./browser.mjs";

const { url } = await serve();
console.log(`The book is at ${url} (Ctrl-C stops it)`);

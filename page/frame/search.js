// The search finds sections, equations, figures and statements by number and by name: "2.4", "(2.14)", "eq natural gradient".
// `labels` in the index, from page.py, are [kind, number, name, document, anchor]. Search is Sphinx's.

const KINDS = { eq: "equation", equ: "equation", fig: "figure", sec: "section", "§": "section" };

function labelled(query) {
  const words = query
    .toLowerCase()
    .replace(/§/g, "§ ")
    .split(/[\s()]+/)
    .map((word) => KINDS[word.replace(/\.$/, "")] ?? word)
    .filter(Boolean);
  const { labels, docnames, filenames, titles } = Search._index;
  const results = [];
  for (const [kind, number, name, document, anchor] of labels) {
    const known = [kind.toLowerCase(), number, ...name.toLowerCase().split(/[^\p{L}\p{N}.]+/u)];
    if (!words.length || !words.every((word) => known.some((one) => one.startsWith(word)))) continue;
    const exact = words.filter((word) => known.includes(word)).length;
    const title = `${kind} ${number}${name ? `, ${name}` : ""}`;
    // Above what the text alone gives, whole words and numbers first.
    const score = 50 + (50 * exact) / words.length + (words.includes(number) ? 50 : 0) + (kind === "Section" ? 1 : 0);
    results.push([
      docnames[document],
      `${titles[document]} > ${title}`,
      anchor && `#${anchor}`,
      null,
      score,
      filenames[document],
    ]);
  }
  return results.sort((one, other) => one[4] - other[4]); // Sphinx takes the last one first
}

const found = Search._performSearch;
Search._performSearch = (query, ...terms) => [...found(query, ...terms), ...labelled(query)];

// In the summaries a formula is its LaTeX, once.
const text = Search.htmlToText;
Search.htmlToText = (html, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const formula of page.querySelectorAll(".katex")) {
    formula.replaceWith(formula.querySelector("annotation").textContent);
  }
  return text(page.documentElement.outerHTML, anchor);
};

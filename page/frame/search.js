// The search finds sections, equations, figures and statements by number and by name: "2.4", "(2.14)", "eq natural gradient";
// and the questions that paragraphs begin with, and those of self-tests, by most of the words that are asked for.
// `labels` in the index, from frame.py, are [kind, number, name, document, anchor]. Search is Sphinx's.

const KINDS = { eq: "equation", equ: "equation", fig: "figure", sec: "section", "§": "section" };

// What isn't looked for unless it is all there is. Sphinx has a list of its own, without what questions are made of.
const FILLERS = `am an can could did do does from has have how i its me my s should so t than what when where which who
  why would you your ain aren couldn didn doesn don hasn haven isn shouldn wasn won wouldn`;
stopwords.push(...FILLERS.split(/\s+/));

function content(words) {
  const left = words.filter((word) => !stopwords.includes(word.toLowerCase()));
  return left.length ? left : words;
}

const split = (text) =>
  text
    .toLowerCase()
    .normalize("NFKC")
    .replace(/χ/g, "chi") // as in the names of equations
    .replace(/§/g, "§ ")
    .split(/[^\p{L}\p{N}.§]+/u)
    .map((word) => word.replace(/\.+$/, ""))
    .filter(Boolean);

function labelled(query) {
  const said = split(query).map((word) => KINDS[word] ?? word);
  const words = content(said);
  const { labels, docnames, filenames, titles } = Search._index;
  const sections = {};
  const results = [];
  for (const [kind, number, mathml, document, anchor] of labels) {
    const name = mathml.includes("<") ? formulasAsText(parsed(mathml)).textContent : mathml;
    const [known, named] = [[...split(kind), number, ...split(name)], content(split(name))];
    const asked = (word) => named.some((one) => one.startsWith(word));
    if (kind === "Section") sections[number] = `${titles[document]} > Section ${number}, ${name}`;
    const most = ["Question", "Self-test"].includes(kind) && 2 * words.filter(asked).length > words.length;
    if (!words.length || !(most || words.every((word) => known.some((one) => one.startsWith(word))))) continue;
    const title =
      kind === "Question"
        ? `${sections[number] ?? titles[document]} > ${name}`
        : `${titles[document]} > ${kind} ${number}${name ? `, ${name}` : ""}`;
    // Whole words and numbers first, then names of which little is not in the query.
    const exact = said.filter((word) => known.includes(word)).length / said.length;
    const covered = named.filter((one) => words.some((word) => one.startsWith(word))).length / (named.length || 1);
    const score = 50 * (1 + exact + covered + words.includes(number)) + (kind === "Section");
    results.push([docnames[document], title, anchor && `#${anchor}`, null, score, filenames[document]]);
  }
  return results.reverse().sort((one, other) => one[4] - other[4]); // Sphinx takes the last one first
}

const found = Search._performSearch;
Search._performSearch = (query, ...terms) => [...found(query, ...terms), ...labelled(query)];

// A single letter would be found, and highlighted, everywhere.
const parse = Search._parseQuery;
Search._parseQuery = (query) => {
  const words = content(splitQuery(query));
  const longer = words.filter((word) => word.length > 1);
  return [query, ...parse((longer.length ? longer : words).join(" ")).slice(1)];
};

// In summaries and names a formula is a line of text: θₖ₊₁ = θₖ + ηF⁻¹g. What would need two dimensions is an ellipsis.
const ALPHABET = "0123456789+−=()′ijknpt⊤";
const RAISED = [..."⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾′ⁱʲᵏⁿᵖᵗᵀ"];
const LOWERED = [..."₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎′ᵢⱼₖₙₚₜ"];
const BETWEEN = /^[=≈≤≥<>+−→∝∼≠≪≫⇒]$/;
const ACCENTS = { "^": "\u0302", "~": "\u0303", ˉ: "\u0304", "˙": "\u0307", "¨": "\u0308" };

const grouped = (text) => (/^([\d.]+|\p{L}[\p{M}\p{No}\p{Lm}′]*)$/u.test(text) ? text : `(${text})`);

function shifted(text, alphabet, sign) {
  const small = [...text.replace(/\s/g, "")].map((letter) => alphabet[ALPHABET.indexOf(letter)]);
  return small.every(Boolean) ? small.join("") : `${sign}${grouped(text)}`;
}

function line(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent.replace(/\u2061/g, " ").replace(/[\u200b\u2063]/g, "");
  const parts = [...node.childNodes].map(line);
  const [first, second, third] = parts;
  switch (node.localName) {
    case "annotation":
      return "";
    case "mtable":
      return "…";
    case "mspace":
      return " ";
    case "mo":
      return BETWEEN.test(first) && /[^,(=[]$/.test(node.previousSibling?.textContent ?? "")
        ? ` ${first} `
        : parts.join("");
    case "mfrac":
      return /^\d+ \d+$/.test(`${first} ${second}`)
        ? `${shifted(first, RAISED)}⁄${shifted(second, LOWERED)}`
        : `${grouped(first)}/${grouped(second)}`;
    case "msqrt":
      return `√${grouped(parts.join(""))}`;
    case "msub":
    case "munder":
      return first.trimEnd() + shifted(second, LOWERED, "_");
    case "msup":
      return first.trimEnd() + shifted(second, RAISED, "^");
    case "mover":
      return first + (ACCENTS[second] ?? "");
    case "msubsup":
    case "munderover":
      return first.trimEnd() + shifted(second, LOWERED, "_") + shifted(third, RAISED, "^");
    default:
      return parts.join("");
  }
}

const parsed = (html) => new DOMParser().parseFromString(html, "text/html").body;

function formulasAsText(element) {
  for (const formula of element.querySelectorAll("math")) {
    (formula.closest(".katex") ?? formula).replaceWith(line(formula).replace(/\s+/g, " ").trim());
  }
  return element;
}

// A page is parsed once, however many of its parts are found, and formulas only in these parts.
const pages = new Map();
const text = Search.htmlToText;
Search.htmlToText = (html, anchor) => {
  if (!pages.has(html)) pages.set(html, parsed(html).querySelector('[role="main"]'));
  const page = pages.get(html);
  const part = (anchor && page.querySelector(anchor)) || page;
  return text(`<div role="main">${formulasAsText(part.cloneNode(true)).outerHTML}</div>`, anchor);
};

// Every sign # and every number of an equation offers to copy the address of its place, and a BibTeX entry for it.
// Without this script, or in a browser without popovers, they are plain links to that place.
(() => {
  const { address, entry, permanent } = document.currentScript.dataset;
  const links = document.querySelectorAll("article .headerlink");
  if (!links.length || !HTMLElement.prototype.showPopover) return;

  // The words of an element, with formulas in TeX.
  function words(element) {
    const copy = element.cloneNode(true);
    for (const formula of copy.querySelectorAll(".katex")) {
      formula.replaceWith(`$${formula.querySelector("annotation").textContent}$`);
    }
    for (const extra of copy.querySelectorAll(".headerlink, .katex-html")) extra.remove();
    return copy.textContent.trim().replace(/\s+/g, " ");
  }

  const pageTitle = words(document.querySelector("article h1"));

  function headingPlace(heading) {
    const number = heading.querySelector(".section-number")?.textContent.trim();
    if (number) return `${heading.tagName === "H1" ? "Chapter" : "Section"} ${number}`;
    return heading.tagName === "H1" ? pageTitle : `${sectionPlace(heading.parentElement)}, "${words(heading)}"`;
  }

  // The innermost section with a number that an element is in, or else the page.
  function sectionPlace(element) {
    for (let section = element.closest("section"); section; section = section.parentElement.closest("section")) {
      const heading = section.querySelector(":scope > :is(h1, h2, h3, h4, h5, h6)");
      if (heading.querySelector(".section-number")) return headingPlace(heading);
    }
    return pageTitle;
  }

  function placeOf(link) {
    const heading = link.closest("h1, h2, h3, h4, h5, h6");
    if (heading) return headingPlace(heading);
    if (link.closest(".eqno")) return `Equation ${link.textContent}`;
    const caption = link.closest("figcaption, caption")?.querySelector(".caption-number");
    if (caption) return caption.textContent.trim();
    const box = link.closest(".admonition-title");
    return box ? `${sectionPlace(link)}, box "${words(box)}"` : sectionPlace(link);
  }

  function addressOf(link) {
    return (address || location.href.split("#")[0]) + link.getAttribute("href");
  }

  // Text as TeX: formulas stay, Greek letters become some.
  const GREEK =
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma tau upsilon phi chi psi omega";
  function tex(text) {
    const letter = (greek) => {
      const name = GREEK.split(" ")[greek.toLowerCase().charCodeAt() - "α".charCodeAt()];
      return `\\${greek === greek.toLowerCase() ? name : name[0].toUpperCase() + name.slice(1)}`;
    };
    const plain = (part) =>
      part
        .replace(/[&%#_{}]/g, "\\$&")
        .replace(/"([^"]*)"/g, "``$1''")
        .replace(/’/g, "'")
        .replace(/([Α-Ωα-ω])(²?)/g, (_, greek, square) => `$${letter(greek)}${square && "^2"}$`);
    // Quotation marks may have formulas between them.
    const formulas = text.match(/\$[^$]+\$/g) ?? [];
    return plain(text.replace(/\$[^$]+\$/g, "\0")).replace(/\0/g, () => formulas.shift());
  }

  // Where others find this page: in this version, if that is published; not on this computer.
  function citable() {
    if (permanent) return permanent;
    const local = location.protocol === "file:" || /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
    return local ? "" : location.href.split("#")[0];
  }

  // The entry of the book, with the place in its key, its edition and its address.
  function entryFor(link) {
    const address = citable() && citable() + link.getAttribute("href");
    return entry
      .replace(/,\n *url = \{.*?\}/, "")
      .replace(/^(@\w+\{[^,]+)/, `$1-${link.getAttribute("href").slice(1)}`)
      .replace(/howpublished = \{/, () => `howpublished = {${tex(placeOf(link))}. `)
      .replace(/\n\}$/, () => `${address && `,\n  url = {${address}}`}\n}`);
  }

  // For those who have the entry of the book already.
  const commandFor = (link) => `\\cite[{${tex(placeOf(link))}}]{${entry.match(/\{([^,]+)/)[1]}}`;

  const menu = document.createElement("div");
  menu.popover = "auto";
  menu.className = "cite-menu";
  menu.setAttribute("role", "dialog");
  menu.innerHTML = `<p class="cite-place" id="cite-place"></p>
    <button type="button" data-copies="link">Copy link</button>
    <button type="button" data-copies="entry">Copy BibTeX</button>
    <button type="button" data-copies="command">Copy \\cite</button>
    <p class="cite-state" role="status"></p>
    <textarea readonly hidden aria-label="To be copied" rows="6"></textarea>`;
  menu.setAttribute("aria-labelledby", "cite-place");
  document.body.append(menu);
  const state = menu.querySelector(".cite-state");
  const text = menu.querySelector("textarea");
  let current;

  function open(link) {
    current = link;
    menu.querySelector(".cite-place").textContent = placeOf(link);
    state.textContent = "";
    text.hidden = true;
    menu.showPopover();
    const place = link.getBoundingClientRect();
    const left = Math.max(8, Math.min(place.left, document.documentElement.clientWidth - menu.offsetWidth - 8));
    menu.style.left = `${left + scrollX}px`;
    const below = place.bottom + 4 + menu.offsetHeight <= document.documentElement.clientHeight;
    menu.style.top = `${(below ? place.bottom + 4 : place.top - menu.offsetHeight - 4) + scrollY}px`;
    menu.querySelector("button").focus({ preventScroll: true });
  }

  async function copy(content, done) {
    try {
      await navigator.clipboard.writeText(content);
      state.textContent = done;
    } catch {
      text.hidden = false;
      text.value = content;
      text.select();
      state.textContent = "This browser lets no page copy: copy it from here.";
    }
  }

  menu.addEventListener("click", ({ target }) => {
    if (target.dataset.copies === "link") copy(addressOf(current), "The link is copied.");
    if (target.dataset.copies === "entry") copy(entryFor(current), "The BibTeX entry is copied.");
    if (target.dataset.copies === "command") copy(commandFor(current), "The command is copied.");
  });
  // "beforetoggle" comes at once, "toggle" some time after.
  menu.addEventListener("beforetoggle", ({ newState }) => current.setAttribute("aria-expanded", newState === "open"));
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState === "closed" && [document.body, null].includes(document.activeElement))
      current.focus({ preventScroll: true });
  });
  for (const link of links) {
    const place = placeOf(link);
    link.title = "Link to this place, and how to cite it";
    link.setAttribute(
      "aria-label",
      link.textContent === "#" ? `# ${place}: link and citation` : `${place}: link and citation`,
    );
    link.setAttribute("aria-haspopup", "dialog");
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      history.replaceState(null, "", link.getAttribute("href"));
      open(link);
    });
  }
})();

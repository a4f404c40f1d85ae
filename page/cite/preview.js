// Shows what a link inside the book leads to, when the mouse rests on the link or the keyboard reaches it.
// The other page is asked for only then; from a disk, where browsers refuse that, only links within the page show it.
(() => {
  const article = document.querySelector("article");
  const pages = new Map([[location.href.split("#")[0], Promise.resolve(document)]]);
  const bubble = document.createElement("div");
  bubble.className = "preview";
  bubble.id = "preview";
  bubble.setAttribute("role", "tooltip");
  bubble.hidden = true;
  let shownFor, title, waiting;

  function pageAt(address) {
    if (!pages.has(address)) {
      const page = fetch(address)
        .then((answer) => (answer.ok ? answer.text() : ""))
        .then((html) => new DOMParser().parseFromString(html, "text/html"))
        .catch(() => document.implementation.createHTMLDocument());
      pages.set(address, page);
    }
    return pages.get(address);
  }

  // What is shown of a place: as little as says what it is.
  function parts(target) {
    const row = target.closest("tr");
    if (row) return [...row.cells].slice(0, 2).flatMap((cell) => [...cell.children]);
    if (target.matches("dt")) return [target, target.nextElementSibling];
    const heading = target.matches("section") && target.querySelector(":scope > :is(h1, h2, h3, h4, h5, h6)");
    if (heading) return [heading, ...[...target.querySelectorAll(":scope > p:not(.note-link)")].slice(0, 2)];
    if (target.matches(".statement")) return [...target.querySelectorAll(":scope > p")].slice(0, 2);
    if (target.matches(".cell")) return [...target.querySelectorAll(".cell_input")];
    return target.matches("div.math, figure, .citation, .admonition") ? [target] : [];
  }

  function excerpt(target, address) {
    const content = document.createDocumentFragment();
    for (const part of parts(target)) {
      const copy = document.createElement("div");
      copy.append(document.importNode(part.cloneNode(true), true));
      for (const meaning of copy.querySelectorAll("dd")) meaning.replaceWith(...meaning.childNodes);
      for (const heading of copy.querySelectorAll("h1, h2, h3, h4, h5, h6, dt")) {
        const title = document.createElement("p");
        title.className = "preview-title";
        title.append(...heading.childNodes);
        heading.replaceWith(title);
      }
      for (const figure of copy.querySelectorAll(".natgrad-figure"))
        figure.replaceWith(...figure.querySelectorAll("img"));
      for (const picture of copy.querySelectorAll("img"))
        picture.src = new URL(picture.getAttribute("src"), address).href;
      for (const link of copy.querySelectorAll("a"))
        link.replaceWith(...(link.matches(".headerlink") && link.textContent === "#" ? [] : link.childNodes));
      for (const extra of copy.querySelectorAll("button, script, .note-link")) extra.remove();
      for (const named of copy.querySelectorAll("[id]")) named.removeAttribute("id");
      for (const item of copy.querySelectorAll("[role=listitem]")) item.removeAttribute("role"); // its list is not here
      for (const reached of copy.querySelectorAll("[tabindex]")) reached.removeAttribute("tabindex");
      content.append(copy);
    }
    return content;
  }

  function hide() {
    clearTimeout(waiting);
    shownFor?.removeAttribute("aria-describedby");
    if (title) shownFor.title = title;
    shownFor = undefined;
    title = "";
    bubble.hidden = true;
  }

  async function show(link) {
    const [address, anchor] = link.href.split("#");
    const target = (await pageAt(address)).getElementById(decodeURIComponent(anchor));
    const content = target && excerpt(target, address);
    if (!content?.childNodes.length || !link.matches(":hover, :focus-visible")) return;
    hide();
    shownFor = link;
    title = link.title;
    link.removeAttribute("title"); // no second bubble
    bubble.replaceChildren(content);
    link.setAttribute("aria-describedby", "preview");
    bubble.hidden = false;
    const room = document.documentElement;
    const place = link.getClientRects()[0];
    const above = place.bottom + bubble.offsetHeight > room.clientHeight && place.top > bubble.offsetHeight;
    const left = Math.max(8, Math.min(place.left, room.clientWidth - bubble.offsetWidth - 8));
    bubble.style.left = `${left + scrollX}px`;
    bubble.style.top = `${(above ? place.top - bubble.offsetHeight - 2 : place.bottom + 2) + scrollY}px`;
  }

  function later(action, milliseconds) {
    clearTimeout(waiting);
    waiting = setTimeout(action, milliseconds);
  }

  document.body.append(bubble);
  for (const link of article.querySelectorAll('a.internal[href*="#"]')) {
    link.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && later(() => show(link), 250));
    link.addEventListener("pointerleave", () => later(hide, 250));
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("blur", hide);
  }
  // The mouse may move onto what is shown; Escape takes it away.
  bubble.addEventListener("pointerenter", () => clearTimeout(waiting));
  bubble.addEventListener("pointerleave", () => later(hide, 250));
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
})();

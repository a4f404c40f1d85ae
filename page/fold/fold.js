// Folded checks: one switch in the header for all of them, which this device remembers; links and the search open the
// fold that they lead into; the line of a fold says how its cells ended; on paper all are open.

(() => {
  "use strict";

  const folds = [...document.querySelectorAll("details.fold")];
  const KEY = "checks";
  const remembered = () => {
    try {
      return localStorage.getItem(KEY) === "shown";
    } catch {
      return false; // not every browser lets a page remember
    }
  };
  const remember = (shown) => {
    try {
      localStorage.setItem(KEY, shown ? "shown" : "folded");
    } catch {
      // then it is for this page
    }
  };

  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm checks-switch";
  button.title = "Show or fold the cells that check what is claimed";
  const show = (shown) => {
    for (const fold of folds) fold.open = shown;
    button.ariaPressed = shown;
    button.textContent = shown ? "Fold checks" : "Show checks";
  };
  button.addEventListener("click", () => {
    // What the reader looks at stays where it is.
    const anchor = [...document.querySelectorAll("article :is(p, h1, h2, h3, details.fold)")].find(
      (each) => each.getBoundingClientRect().bottom > 80,
    );
    const before = anchor?.getBoundingClientRect().top;
    const shown = button.ariaPressed !== "true";
    show(shown);
    remember(shown);
    if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
  });
  const header = document.querySelector(".article-header-buttons");
  if (folds.length && header) header.prepend(button);
  show(remembered());

  /** Opens what a link leads into. */
  function reveal(id) {
    const target = id && document.getElementById(id);
    const closed = [];
    for (let at = target; at; at = at.parentElement) if (at.localName === "details" && !at.open) closed.push(at);
    for (const each of closed) each.open = true;
    if (closed.length) target.scrollIntoView();
  }
  const followHash = () => reveal(decodeURIComponent(location.hash.slice(1)));
  addEventListener("hashchange", followHash);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href*="#"]');
    if (link && link.pathname === location.pathname) reveal(decodeURIComponent(link.hash.slice(1)));
  });
  followHash();

  // What the search has found is not left folded.
  addEventListener("load", () => {
    for (const found of document.querySelectorAll(".fold .highlighted")) found.closest(".fold").open = true;
  });

  // How the cells of a fold ended, also while it is closed.
  document.addEventListener("cell-end", (event) => {
    const fold = event.target.closest(".fold");
    if (!fold) return;
    const states = [...fold.querySelectorAll(".cell")].map((cell) => cell.dataset.state);
    const state = states.includes("failed") ? "failed" : states.every((each) => each === "ran") ? "ran" : "";
    fold.dataset.state = state;
    fold.querySelector(".fold-state").textContent = { ran: "✓ passed here", failed: "✗ failed here" }[state] ?? "";
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = folds.filter((fold) => !fold.open);
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closed) fold.open = false;
  });
})();

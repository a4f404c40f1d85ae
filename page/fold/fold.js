// Opens the fold that a link or a search asks for; one switch opens or folds all; and the line of a fold says
// whether its cells have run. All of it works without: a fold is a <details>.
(() => {
  "use strict";

  const folds = [...document.querySelectorAll("details.fold")];
  const control = document.querySelector(".btn-fold-switch");

  // Where the device keeps nothing, the switch holds for the page.
  function remember(shown) {
    try {
      localStorage.setItem("checks", shown ? "shown" : "folded");
    } catch {
      // not kept
    }
  }
  function remembered() {
    try {
      return localStorage.getItem("checks") === "shown";
    } catch {
      return false;
    }
  }

  function show(shown) {
    control.setAttribute("aria-pressed", shown);
    control.querySelector(".fold-switch-state").textContent = shown ? ": shown" : ": folded";
  }

  // The reader keeps sight of what is at the top of the window.
  function openAll(shown) {
    const blocks = document.querySelectorAll(".bd-article :is(p, h1, h2, h3, figure, div.math, details.fold)");
    const seen = [...blocks].find(
      (block) => !block.closest("details.fold > *") && block.getBoundingClientRect().top >= 60,
    );
    const before = seen?.getBoundingClientRect().top;
    for (const fold of folds) fold.open = shown;
    if (seen) scrollBy(0, seen.getBoundingClientRect().top - before);
  }

  const words = control.querySelector(".btn__text-container");
  const state = document.createElement("span");
  state.className = "fold-switch-state";
  state.ariaHidden = "true"; // aria-pressed says it
  words.textContent = words.textContent.split(":")[0];
  words.append(state);
  show(remembered());
  if (remembered()) for (const fold of folds) fold.open = true;
  control.addEventListener("click", () => {
    const shown = control.getAttribute("aria-pressed") !== "true";
    openAll(shown);
    show(shown);
    remember(shown);
  });

  function reveal(element) {
    const closed = element?.closest("details:not([open])");
    if (!closed) return false;
    for (let fold = closed; fold; fold = fold.parentElement.closest("details")) fold.open = true;
    return true;
  }
  function goTo(hash) {
    const target = document.getElementById(decodeURIComponent(hash.slice(1)));
    if (reveal(target)) target.scrollIntoView();
  }
  goTo(location.hash);
  addEventListener("hashchange", () => goTo(location.hash));
  // A second click on the same link changes no hash.
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.('a[href^="#"]');
    if (link?.hash) goTo(link.hash);
  });

  // What was searched for is marked a moment after the page has been read.
  addEventListener("load", () =>
    setTimeout(() => {
      const opened = [...document.querySelectorAll("details span.highlighted")].filter(reveal);
      if (opened.length)
        (document.getElementById(decodeURIComponent(location.hash.slice(1))) ?? opened[0]).scrollIntoView();
    }, 200),
  );

  function tell(fold) {
    const states = [...fold.querySelectorAll(".cell")].map((cell) => cell.dataset.state);
    const words = { failed: "✗ failed here", running: "running …", outdated: "out of date", passed: "✓ passed here" };
    const all = states.every((one) => one === "ran") ? "passed" : "";
    fold.dataset.state = ["failed", "running", "outdated"].find((one) => states.includes(one)) ?? all;
    fold.querySelector(".fold-state").textContent = words[fold.dataset.state] ?? "";
  }
  for (const fold of folds) {
    const watcher = new MutationObserver(() => tell(fold));
    for (const cell of fold.querySelectorAll(".cell")) watcher.observe(cell, { attributeFilter: ["data-state"] });
  }

  // Paper shows what is folded.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll(":is(details.fold, details.choice):not([open])")];
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closed) fold.open = false;
  });
})();

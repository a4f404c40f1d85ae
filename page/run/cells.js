// Runs the cells of a page in the reader's browser: Run, Edit and Reset at each cell, Run all and Stop for the page.
// Python is loaded on the first Run, the editor on the first Edit. A classic script, because modules don't load from
// file://, where this one can at least say what is missing.
// Each output is also an event, "cell-output", in the form of the notebook; "cell-end" tells how the run ended, and
// "cell-change" what the code has become. The element of a cell has it as `cell`.

(() => {
  "use strict";

  const { src, dataset } = document.currentScript;
  const fileUrl = (path) => new URL(`${path}?v=${dataset.version}`, src).href;

  function element(name, attributes = {}, ...content) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  }

  function button(label, description, press) {
    const made = element("button", { type: "button", "aria-label": description }, label);
    made.addEventListener("click", press);
    return made;
  }

  /** Why a script was not run: a browser only says that it wasn't. */
  async function whyNot(file) {
    const { pathname } = new URL(file);
    try {
      const { ok, status, headers } = await fetch(file, { method: "HEAD", cache: "no-store" });
      if (!ok) return `${pathname} is missing on the server (${status}). Press Run again.`;
      const type = headers.get("content-type") ?? "nothing";
      return /javascript/.test(type)
        ? `${pathname} could not be run.`
        : `The server sends ${pathname} as ${type}, which browsers don't run; it has to be text/javascript.`;
    } catch {
      return `${pathname} could not be reached. Press Run again.`;
    }
  }

  /** The worker in which Python runs, from the first run until it is stopped. */
  class Python {
    #worker;
    #runs = new Map();
    #count = 0;

    constructor(onLoading) {
      this.onLoading = onLoading;
    }

    /** Runs the code. Gives "ran", "failed" after an error, or why it was stopped. */
    run(code, name, { onStart, onOutput }) {
      this.#worker ??= this.#start();
      return new Promise((end) => {
        const id = ++this.#count;
        this.#runs.set(id, { onStart, onOutput, end });
        this.#worker.postMessage({ id, name, code });
      });
    }

    #start() {
      const file = fileUrl("python/worker.js");
      const worker = new Worker(file, { type: "module" });
      worker.onmessage = ({ data }) => this.#receive(data);
      worker.onerror = async () => this.stop(`Python could not be loaded. ${await whyNot(file)}`);
      return worker;
    }

    #receive({ loading, id, started, output, ok, failure }) {
      const run = this.#runs.get(id);
      if (loading) this.onLoading(loading);
      else if (started) run.onStart();
      else if (output) run.onOutput(output);
      else if (failure) this.stop(failure);
      else {
        this.#runs.delete(id);
        run.end(ok ? "ran" : "failed");
      }
    }

    stop(why) {
      this.#worker?.terminate();
      this.#worker = undefined;
      for (const run of this.#runs.values()) run.end(why);
      this.#runs.clear();
    }
  }

  let katex;
  function loadKatex() {
    return (katex ??= new Promise((resolve, reject) => {
      const script = element("script", { src: new URL("katex/katex.min.js", src).href });
      script.onload = () => resolve(window.katex);
      script.onerror = reject;
      document.head.append(script);
    }));
  }

  // The classes are those that the built page has.
  function textOutput(kind, text) {
    const block = element("div", { class: "highlight" }, element("pre", {}, text));
    return element("div", { class: `output ${kind} highlight-myst-ansi notranslate` }, block);
  }

  /** What is too wide or too long scrolls inside itself; so that the keyboard can reach it. */
  function makeReachable(shown) {
    for (const box of [shown, ...shown.querySelectorAll("pre")]) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    }
  }

  function latexOutput(latex) {
    const shown = element("div", { class: "output text_latex math notranslate nohighlight" });
    const formula = latex.trim().replace(/^(\$\$?)([^$]*)\1$/, "$2");
    loadKatex()
      .then(({ render }) => render(formula, shown, { displayMode: true, strict: "ignore" }))
      .then(() => makeReachable(shown))
      .catch(() => shown.replaceWith(textOutput("text_plain", latex)));
    return shown;
  }

  function htmlOutput(html) {
    const shown = element("div", { class: "output text_html" });
    shown.innerHTML = html;
    return shown;
  }

  // What somebody wrote into cells stays on this device: id of the cell -> code, for each page.
  const KEPT = `cells${location.pathname}`;
  function recall() {
    try {
      return JSON.parse(localStorage.getItem(KEPT)) ?? {};
    } catch {
      return {};
    }
  }

  /** Whether the device keeps them. */
  function keep(edits) {
    try {
      if (Object.keys(edits).length) localStorage.setItem(KEPT, JSON.stringify(edits));
      else localStorage.removeItem(KEPT);
      return true;
    } catch {
      return false;
    }
  }

  // An address may end with a cell and its code, in the letters that addresses can have.
  const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const inAddress = (code) =>
    btoa(String.fromCharCode(...new TextEncoder().encode(code))).replace(
      /[+/=]/g,
      (c) => ({ "+": "-", "/": "_" })[c] ?? "",
    );
  function fromAddress(text) {
    try {
      return new TextDecoder().decode(bytes(text.replace(/[-_]/g, (c) => (c === "-" ? "+" : "/"))));
    } catch {
      return undefined; // an address that was cut off
    }
  }

  function picture(type, content, alt) {
    const shown = element("img", { src: URL.createObjectURL(new Blob([content], { type })), alt });
    shown.addEventListener("load", () => URL.revokeObjectURL(shown.src), { once: true });
    return shown;
  }

  // A figure that can be dragged is an element around its picture; a script of its own brings it to life.
  function draggable(figure, still) {
    const attributes = {
      class: "natgrad-figure",
      "data-figure": JSON.stringify(figure),
      style: `width: ${figure.size[0]}pt`,
    };
    return element(figure.tag, attributes, still);
  }

  class Cell {
    ran; // the code that ran to its end in the present Python, if any did,
    turn = 0; // which run of the page that was,
    changed = 0; // and the first run with that code
    isLinked = false; // whether the code came with the address of the page,
    isOwn = false; // or its reader has changed it since the page was loaded
    holds = false; // whether that is the present code, after the present code of those above

    constructor(node, number, page) {
      Object.assign(this, { node, number, page });
      node.cell = this;
      this.listing = node.querySelector(".cell_input > div");
      this.storedListing = [...this.listing.querySelector("pre").childNodes];
      this.storedCode = this.code = this.listing.querySelector("pre").textContent.trimEnd();
      this.output = node.querySelector(".cell_output") ?? element("div", { class: "cell_output docutils container" });
      node.append(this.output);
      this.storedOutput = [...this.output.childNodes];
      this.storedFigure = this.output.querySelector("figure");
      this.storedText = this.storedFigure?.querySelector("img").alt;
      this.isOfExercise = /\btag_(answer|check|solution)\b/.test(node.className);
      this.runButton = button("Run", `Run cell ${number}`, () => page.run(this));
      this.editButton = button("Edit", `Edit cell ${number}`, () => this.edit());
      this.resetButton = button("Reset", `Reset cell ${number}`, () => {
        this.reset();
        this.runButton.focus();
      });
      this.resetButton.disabled = true;
      this.linkButton = button("Link", `Link to cell ${number} with this code`, () => this.link());
      this.linkButton.hidden = true;
      this.state = element("span", { class: "cell-state" });
      const controls = node.querySelector(".cell-controls");
      controls.append(this.runButton, this.editButton, this.resetButton, this.linkButton, this.state);
    }

    say(text, state = "") {
      this.state.textContent = text;
      this.node.dataset.state = state;
    }

    async edit() {
      try {
        const { openEditor } = await import(fileUrl("python/editor.js"));
        this.editor ??= this.open(openEditor);
        this.editor.focus();
      } catch {
        this.say(`The editor could not be loaded. ${await whyNot(fileUrl("python/editor.js"))}`);
      }
    }

    open(openEditor) {
      const folded = this.listing.closest("details");
      if (folded) folded.open = true;
      const place = element("div", { class: "cell-editor highlight" });
      place.addEventListener("keydown", (event) => event.stopPropagation()); // or "/" would begin a search
      this.listing.after(place);
      this.listing.hidden = true;
      this.resetButton.disabled = false;
      return openEditor(place, this.code, {
        label: `Python code of cell ${this.number}. Tab indents, Shift-Enter runs, Escape leaves the editor.`,
        run: () => this.page.run(this),
        leave: () => this.runButton.focus(),
        changed: (code) => this.change(code),
      });
    }

    change(code) {
      this.code = code;
      this.isLinked = false;
      this.isOwn = true;
      if (location.hash.startsWith(`#${this.node.id}=`)) history.replaceState(null, "", `#${this.node.id}`);
      this.say("changed");
      if (this.ran === code) this.sayResult();
      this.page.judge();
      this.tell();
    }

    sayResult() {
      this.say(`ran in ${this.seconds.toFixed(this.seconds < 1 ? 2 : 1)} s`, "ran");
    }

    tell() {
      this.node.dispatchEvent(new CustomEvent("cell-change", { detail: this.code, bubbles: true }));
    }

    get isEdited() {
      return this.code !== this.storedCode;
    }

    comeIntoView() {
      for (let fold = this.node.closest("details"); fold; fold = fold.parentElement.closest("details"))
        fold.open = true;
      const folded = this.listing.closest("details");
      if (folded) folded.open = true;
      this.node.scrollIntoView();
    }

    async link() {
      const address = `${location.href.split("#")[0]}#${this.node.id}=${inAddress(this.code)}`;
      history.replaceState(null, "", address);
      const copied = await navigator.clipboard?.writeText(address).then(
        () => true,
        () => false,
      );
      this.page.announce(
        `The address of this page has the code of cell ${this.number} now${copied ? ", and is copied" : ""}.`,
      );
    }

    /** Other code than the page's own, as it was left. */
    write(code) {
      this.code = code;
      this.listing.querySelector("pre").textContent = code;
      this.resetButton.disabled = false;
    }

    reset() {
      this.editor?.close();
      this.editor = undefined;
      this.listing.hidden = false;
      this.code = this.storedCode;
      this.isOwn ||= !this.isLinked;
      this.listing.querySelector("pre").replaceChildren(...this.storedListing);
      this.output.replaceChildren(...this.storedOutput);
      this.resetButton.disabled = true;
      this.say("");
      this.tell();
      this.page.judge();
    }

    async run(python) {
      const code = this.code;
      let began;
      this.shown = undefined; // the old output stays until there is a new one
      this.say("waiting", "running");
      const end = await python.run(code, `<cell ${this.number}>`, {
        onStart: () => {
          began = performance.now();
          this.say("running …", "running");
        },
        onOutput: (output) => this.show(output),
      });
      if (end === "ran" && !this.shown) this.output.replaceChildren();
      this.seconds = (performance.now() - began) / 1000;
      this.resetButton.disabled = false;
      this.turn = this.page.nextTurn();
      if (this.ran !== code || end !== "ran") this.changed = this.turn;
      this.ran = end === "ran" ? code : undefined;
      if (end === "failed") this.say("error", "failed");
      else if (end !== "ran") this.say("stopped", "stopped");
      else if (this.code === code) this.sayResult();
      else this.say("changed");
      this.page.judge();
      this.node.dispatchEvent(new CustomEvent("cell-end", { detail: end, bubbles: true }));
      return end;
    }

    show(output) {
      if (!this.shown) this.output.replaceChildren();
      const before = this.shown;
      this.shown = output;
      if (output.output_type === "stream" && before?.output_type === "stream" && before.name === output.name) {
        this.output.lastElementChild.querySelector("pre").append(output.text);
      } else {
        this.output.append(this.render(output));
      }
      makeReachable(this.output.lastElementChild);
      this.node.dispatchEvent(new CustomEvent("cell-output", { detail: output, bubbles: true }));
    }

    // Of several formats the built page shows the first of these too.
    render({ output_type, name, text, traceback, data }) {
      if (output_type === "stream") return textOutput(name === "stderr" ? "stderr" : "stream", text);
      if (output_type === "error") return textOutput("traceback", traceback.join(""));
      if ("text/html" in data) return htmlOutput(data["text/html"]);
      for (const type of ["image/svg+xml", "image/png", "image/jpeg"]) {
        if (type in data) return this.renderPicture(type, data);
      }
      if ("text/latex" in data) return latexOutput(data["text/latex"]);
      return textOutput("text_plain", data["text/plain"]);
    }

    renderPicture(type, data) {
      const ofChangedCode = `A figure, drawn by the changed code of cell ${this.number}`;
      const alt = this.code === this.storedCode && this.storedText ? this.storedText : ofChangedCode;
      const still = picture(type, type === "image/svg+xml" ? data[type] : bytes(data[type]), alt);
      const shown = dataset.draggable in data ? draggable(data[dataset.draggable], still) : still;
      if (!this.storedFigure || this.output.querySelector("figure")) return shown;
      const figure = this.storedFigure.cloneNode(true); // with its caption and its anchor
      figure.querySelector(".natgrad-figure, img").replaceWith(shown);
      return figure;
    }
  }

  /** All cells of the page, the one Python that they share, and what is said about it. */
  class Page {
    #queue = Promise.resolve();
    #session = 0; // grows when Python is stopped
    #turns = 0;

    constructor(controls, nodes) {
      this.controls = controls;
      this.cells = nodes.map((node, i) => new Cell(node, i + 1, this));
      this.python = new Python((loading) => this.showLoading(loading));
      this.allButton = button("Run all", "Run all cells", () => this.runAgain(this.cells));
      this.aboveButton = button("Run all above", "Run all above the bottom of the window", () => this.runAbove());
      this.stopButton = button("Stop", "Stop Python", () => this.stop());
      this.resetButton = button("Reset all", "Reset all cells that were changed", () => this.reset());
      this.hasExercises = this.cells.some((cell) => cell.isOfExercise);
      this.allButton.hidden = this.hasExercises; // most of them are blank
      this.aboveButton.hidden = this.stopButton.hidden = true;
      this.progress = element("progress", { "aria-label": "Loaded" });
      this.progress.hidden = true;
      this.state = element("span", { class: "python-state" });
      this.announcement = element("span", { class: "python-announcement", role: "status" });
      controls.append(this.allButton, this.aboveButton, this.stopButton, this.resetButton);
      controls.append(this.progress, this.state, this.announcement);
      this.say(`The cells run here, in your browser. The first one loads Python, ${dataset.megabytes} MB.`);
      this.restore();
    }

    /** What was written here before, and what the address brings, of which neither is run. */
    restore() {
      const edits = recall();
      const [, linked, text] = /^#([\w-]+)=([\w-]+)$/.exec(location.hash) ?? [];
      for (const cell of this.cells.filter(({ isOfExercise }) => !isOfExercise)) {
        const { id } = cell.node;
        const brought = id === linked ? fromAddress(text) : undefined;
        cell.isLinked = brought !== undefined;
        const code = brought ?? edits[id];
        if (code === undefined || code === cell.storedCode) continue;
        cell.write(code);
        cell.say(cell.isLinked ? "changed, by the address of this page" : "changed, as you left it");
        if (cell.isLinked) cell.comeIntoView();
      }
      this.keep();
    }

    say(text) {
      this.state.textContent = text;
    }

    /** Also tells those who can't see it. */
    announce(text) {
      this.say(text);
      this.announcement.textContent = text;
    }

    showLoading({ names, received, expected }) {
      const megabytes = (count) => (count / 1e6).toFixed(count < 1e7 ? 1 : 0);
      const what = `Loading ${names.join(", ")}`;
      if (this.loading !== what) this.announcement.textContent = `${what}, ${megabytes(expected)} MB`;
      this.loading = what;
      this.progress.hidden = false;
      this.progress.max = expected;
      this.progress.value = received;
      this.say(
        received < expected ? `${what}: ${megabytes(received)} of ${megabytes(expected)} MB` : "Starting Python …",
      );
    }

    /** Runs a cell, and before it those above that don't hold; an exercise needs what is given, and no other. */
    run(cell, before = []) {
      const missing = (other) => other.number < cell.number && !other.holds && !other.isOfExercise;
      return this.#enqueue(() => [...this.cells.filter((other) => other !== cell && missing(other)), ...before, cell]);
    }

    runAgain(cells) {
      this.#enqueue(() => cells);
    }

    runAbove() {
      const seen = ({ node }) => node.closest("details:not([open])") ?? node; // a folded cell is where its line is
      this.runAgain(this.cells.filter((cell) => seen(cell).getBoundingClientRect().top < window.innerHeight));
    }

    reset() {
      if (!confirm("Throw away all that was changed on this page?")) return;
      for (const cell of this.cells.filter(({ isEdited, isOfExercise }) => isEdited && !isOfExercise)) {
        cell.isLinked = false;
        cell.reset();
      }
      this.announce("All cells are as the page has them.");
    }

    nextTurn() {
      return ++this.#turns;
    }

    /** Tells which results still hold: each cell may use what those above it made. */
    judge() {
      let newest = { changed: 0 }; // of the cells above, the one whose code changed last
      let culprit; // what makes those below out of date
      for (const cell of this.cells.filter(({ isOfExercise }) => !isOfExercise)) {
        const asItRan = cell.ran === cell.code;
        if (!asItRan) culprit ??= cell;
        else if (cell.turn < newest.changed) culprit ??= newest;
        cell.holds = !culprit;
        const { state } = cell.node.dataset;
        if (state === "ran" && culprit) cell.say(`out of date, because of cell ${culprit.number}`, "outdated");
        if (state === "outdated" && !culprit) cell.sayResult();
        if (cell.changed > newest.changed) newest = cell;
      }
      this.keep();
    }

    /** Remembers what was written here, beside what another window or an earlier day has left; answers are elsewhere. */
    keep() {
      const edits = recall();
      let edited = false;
      for (const cell of this.cells.filter(({ isOfExercise }) => !isOfExercise)) {
        edited ||= cell.isEdited;
        cell.linkButton.hidden = !cell.isEdited;
        if (!cell.isOwn) continue;
        if (cell.isEdited) edits[cell.node.id] = cell.code;
        else delete edits[cell.node.id];
      }
      this.resetButton.hidden = !edited;
      window.onbeforeunload = !keep(edits) && edited ? (event) => event.preventDefault() : null;
    }

    #enqueue(choose) {
      const session = this.#session; // what was asked of a Python that has been stopped is not run
      this.controls.classList.add("active");
      document.documentElement.style.scrollPaddingTop = "6rem"; // below them
      this.allButton.hidden = true;
      this.aboveButton.hidden = this.hasExercises;
      this.stopButton.hidden = false;
      this.#queue = this.#queue.then(() => (session === this.#session ? this.#runCells(choose()) : undefined));
      return this.#queue;
    }

    async #runCells(cells) {
      this.nameStop("Stop");
      let end;
      for (const cell of cells) cell.say("waiting", "running");
      for (const [i, cell] of cells.entries()) {
        if (this.loading) this.say(`Running cell ${cell.number}`);
        end = await cell.run(this.python);
        this.progress.hidden = true;
        if (end !== "ran") {
          const why = end === "failed" ? `cell ${cell.number} ended with an error` : "Python was stopped";
          for (const later of cells.slice(i + 1)) later.say(`not run, because ${why}`);
          this.announce(end === "failed" ? `Cell ${cell.number} ended with an error.` : end);
          if (end !== "failed") this.#forget();
          break;
        }
        if (cell === cells.at(-1)) this.announce(`Cell ${cell.number}${i ? " and those above it have" : " has"} run.`);
      }
      this.nameStop("Restart");
      return end;
    }

    /** The same button stops what runs, and begins anew when nothing does. */
    nameStop(word) {
      this.stopButton.textContent = word;
      this.stopButton.ariaLabel = `${word} Python`;
    }

    stop() {
      const why = "Stopped. What was computed is forgotten; the next Run begins anew.";
      this.python.stop(why);
      if (this.stopButton.textContent === "Stop") return; // the cell that runs says so
      this.#forget();
      this.announce(why);
    }

    #forget() {
      this.#session += 1;
      this.loading = undefined;
      for (const cell of this.cells) {
        cell.ran = undefined;
        if (!["", "stopped"].includes(cell.node.dataset.state ?? "")) cell.say("");
      }
      this.judge();
    }
  }

  const controls = document.querySelector(".python-controls");
  const nodes = [...document.querySelectorAll(".cell:has(> .cell-controls)")];
  if (location.protocol === "file:") {
    controls.textContent =
      "The cells run when the book is served: type “make serve” in its folder, and open the address that it prints.";
  } else {
    new Page(controls, nodes);
  }
})();

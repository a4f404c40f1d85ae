// Exercises: Check beside Run, hints one at a time, and answers that this device remembers, and nobody else.
// On other pages it only marks in the sidebar how many are right.

(() => {
  "use strict";

  const PREFIX = "exercises/";

  /** What the device knows of a page: { total, right: { id: true }, answers: { id: code } }. */
  function recall(page) {
    try {
      return { right: {}, answers: {}, ...JSON.parse(localStorage.getItem(PREFIX + page)) };
    } catch {
      return { right: {}, answers: {} };
    }
  }

  // Where the device keeps nothing, the page remembers until it is left.
  function keep(page, known) {
    try {
      localStorage.setItem(PREFIX + page, JSON.stringify(known));
    } catch {
      // not kept
    }
  }

  const pageOf = (address) => /exercises\/([^/]+)\.html$/.exec(new URL(address, location.href).pathname)?.[1];

  function made(name, attributes, ...content) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...content);
    return element;
  }

  function button(label, press) {
    const pressed = made("button", { type: "button" }, label);
    pressed.addEventListener("click", press);
    return pressed;
  }

  function markSidebar() {
    for (const link of document.querySelectorAll(".bd-sidebar-primary .bd-links a")) {
      const page = pageOf(link.href);
      if (!page) continue;
      const { right, total } = recall(page);
      const count = Object.keys(right).length;
      link.querySelector(".exercise-count")?.remove();
      if (count) link.append(made("span", { class: "exercise-count" }, ` ${count} of ${total} right`));
    }
  }

  /** One exercise of the page: its answer, its check, its hints. */
  class Exercise {
    constructor(section, page) {
      Object.assign(this, { section, page, id: section.id });
      const cell = (kind) => section.querySelector(`.cell.tag_${kind}`);
      this.verdict = section.querySelector(".exercise-verdict");
      this.showHintsInTurn([...section.querySelectorAll(":scope > details.hint")]);
      [this.answer, this.checks, this.solution] = ["answer", "check", "solution"].map((kind) => cell(kind)?.cell);
      if (!this.answer) return; // nothing runs here
      const runFirst = (event) => this.tellBlank(this.answer) && event.stopImmediatePropagation();
      this.answer.runButton.addEventListener("click", runFirst, { capture: true });
      this.checkButton = button("Check", () => this.check(this.answer));
      this.checkButton.ariaLabel = `Check the answer to ${this.name}`;
      this.answer.runButton.after(this.checkButton);
      if (this.solution) {
        const check = button("Check", () => this.check(this.solution));
        check.ariaLabel = `Check the solution of ${this.name}`;
        this.solution.runButton.after(check);
      }
      const { answers, right } = page.known;
      if (answers[this.id] !== undefined) this.answer.write(answers[this.id]);
      if (right[this.id]) this.say("right", "Right, when you last checked it.");
      this.answer.node.addEventListener("cell-change", ({ detail }) => this.changed(detail));
    }

    get name() {
      return this.section.querySelector(":is(h2, h3)").firstChild.textContent.trim();
    }

    showHintsInTurn(hints) {
      for (const [k, hint] of hints.entries()) {
        hint.hidden = k > 0;
        hint.addEventListener("toggle", () => {
          if (hint.open && hints[k + 1]) hints[k + 1].hidden = false;
        });
      }
    }

    changed(code) {
      const { answers, right } = this.page.known;
      if (code === this.answer.storedCode) delete answers[this.id];
      else answers[this.id] = code;
      delete right[this.id];
      this.say("", "");
      this.page.keep();
    }

    say(state, text) {
      this.section.dataset.verdict = state;
      this.verdict.textContent = text;
    }

    /** So that nothing of an earlier answer is taken for one of this. */
    forgetNames() {
      const [, names] = /@check\(((?:"\w+",? ?)+)/.exec(this.checks.code) ?? [];
      const code = `for name in [${names ?? ""}]:\n    globals().pop(name, None)`;
      this.checks.page.python.run(code, "<names>", { onStart() {}, onOutput() {} });
    }

    /** Whether there is no answer yet, which is said and not run. Where several lines wait for it, one may be judged. */
    tellBlank(cell) {
      const blanks = (code) => code.match(/^\s*raise NotImplementedError/gm)?.length ?? 0;
      if (blanks(cell.code) === 0 || blanks(cell.code) < blanks(this.answer.storedCode)) return false;
      this.say("blank", "Not answered yet: put your answer in the place of the line that raises the error.");
      return true;
    }

    /** Runs the cell and then what checks it. */
    async check(cell) {
      if (this.tellBlank(cell)) return;
      const code = cell.code;
      let error;
      let said = "";
      const hear = ({ detail, target }) => {
        if (detail.output_type === "error") error = detail;
        else if (target === this.checks.node) said += detail.text ?? "";
      };
      this.say("", "Checking …");
      this.section.addEventListener("cell-output", hear);
      this.forgetNames();
      const end = await this.checks.page.run(this.checks, [cell]);
      this.section.removeEventListener("cell-output", hear);
      if (end === "ran") this.say("right", said.trim());
      else if (error?.ename === "NotRight") this.say("wrong", error.evalue);
      else if (error) this.say("wrong", `The cell ends in an error, which it shows. ${error.ename}: ${error.evalue}`);
      else this.say("", end ?? "Not checked, because Python was stopped.");
      if (cell === this.answer && code === cell.code) this.page.mark(this.id, end === "ran");
    }
  }

  class Page {
    constructor(name, sections) {
      this.name = name;
      this.known = recall(name);
      this.exercises = sections.map((section) => new Exercise(section, this));
      this.known.total = sections.length;
      this.controls = document.querySelector(".exercise-controls");
      this.state = made("span", { class: "exercise-progress" });
      this.controls.append(this.state);
      if (this.exercises.some(({ answer }) => answer)) {
        this.controls.append(
          button("My answers", () => this.download()),
          button("Forget all answers", () => this.forget()),
        );
      }
      this.tell();
    }

    mark(id, isRight) {
      if (isRight) this.known.right[id] = true;
      else delete this.known.right[id];
      this.keep();
    }

    keep() {
      keep(this.name, this.known);
      this.tell();
    }

    tell() {
      const count = Object.keys(this.known.right).length;
      this.state.textContent = `${count} of ${this.known.total} right. Your answers are kept on this device only.`;
      markSidebar();
    }

    forget() {
      if (!confirm("Forget all your answers on this page?")) return;
      for (const { answer } of this.exercises) answer.reset();
    }

    /** The notebook of this page with the answers in it, and a code that belongs to them. */
    async download() {
      const address = document.querySelector("a.btn-download-source-button").href;
      const notebook = await (await fetch(address)).json();
      const answers = Object.fromEntries(this.exercises.map(({ id, answer }) => [id, answer.code]));
      for (const cell of notebook.cells) {
        const id = cell.id?.replace(/-answer$/, "");
        if (id !== cell.id && id in answers) cell.source = answers[id];
      }
      const claim = {
        right: Object.keys(this.known.right).sort(),
        date: new Date().toISOString().slice(0, 10),
        nonce: [...crypto.getRandomValues(new Uint8Array(4))]
          .map((byte) => byte.toString(16).padStart(2, "0"))
          .join(""),
      };
      const sources = Object.keys(answers)
        .sort()
        .map((id) => answers[id]);
      notebook.metadata.natgrad = { ...claim, code: await code([...claim.right, claim.date, claim.nonce, ...sources]) };
      const blob = new Blob([JSON.stringify(notebook, undefined, 1)], { type: "application/x-ipynb+json" });
      const link = made("a", { href: URL.createObjectURL(blob), download: `${this.name}.ipynb` });
      link.click();
      URL.revokeObjectURL(link.href);
    }
  }

  /** Ten digits of the SHA-256 of what is handed in; nothing where the browser has none, without HTTPS. */
  async function code(parts) {
    if (!crypto.subtle) return "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(parts.join("\n")));
    return [...new Uint8Array(digest)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("")
      .slice(0, 10);
  }

  // When all scripts have run, and so the one that gives the cells their buttons.
  document.addEventListener("DOMContentLoaded", () => {
    const sections = [...document.querySelectorAll("section:has(> .exercise-verdict)")];
    if (sections.length) new Page(pageOf(location.href), sections);
    else markSidebar();
  });
})();

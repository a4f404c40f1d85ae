// What the figures that can be dragged have in common. Each is a custom element around its still picture, which
// stays for readers without script and for print, and starts from the numbers of the cell that drew it:
//   <natgrad-ball class="natgrad-figure" data-figure="{…}"><img …></natgrad-ball>
// Each has its files in figures/: ball.js is the element, ball.py says what natgrad makes of the numbers it shows,
// and ball.moves.mjs how the check moves it.

// Vectors of two numbers, matrices of two rows.
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
export const cross = (a, b) => a[0] * b[1] - a[1] * b[0];
export const plus = (a, b) => [a[0] + b[0], a[1] + b[1]];
export const times = (s, a) => [s * a[0], s * a[1]];
export const apply = (matrix, v) => [dot(matrix[0], v), dot(matrix[1], v)];
export const transpose = ([[a, b], [c, d]]) => [
  [a, c],
  [b, d],
];
export const determinant = ([a, b]) => cross(a, b);
export const inverse = (m) => [
  times(1 / determinant(m), [m[1][1], -m[0][1]]),
  times(1 / determinant(m), [-m[1][0], m[0][0]]),
];
export const product = (m, n) => transpose(transpose(n).map((column) => apply(m, column)));
const degrees = (v) => (Math.atan2(v[1], v[0]) * 180) / Math.PI;
export const isZero = (v) => Math.hypot(...v) < 1e-9;
const clamp = (x, [low, high]) => Math.min(high, Math.max(low, x));
export const range = (count, from, to) => Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);
export const circle = range(360, 0, 2 * Math.PI).map((angle) => [Math.cos(angle), Math.sin(angle)]);

// Numbers as the reader sees them: a true minus sign, and no minus zero.
export const number = (x, digits = 2) => {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : x < 0 ? "−∞" : "–";
  const text = Math.abs(x) < 1e5 ? x.toFixed(digits) : x.toExponential(2).replace(/e\+?(-?\d+)/, " · 10^$1");
  return text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");
};
export const vector = (v, digits = 2) => `(${v.map((x) => number(x, digits)).join(", ")})`;
// Powers of ten and italic letters, in a cell of a table and in a drawing.
const inTable = (text) => text.replace(/10\^(\d+)/, "10<sup>$1</sup>");
const inDrawing = (text) => text.replaceAll("<i>", '<tspan font-style="italic">').replaceAll("</i>", "</tspan>");
const plain = (text) => text.replace(/<[^>]*>/g, "");

const far = (z) => clamp(z, [-4000, 4000]).toFixed(1); // what leaves the drawing is clipped

/** A rectangle of the drawing in which x runs from x0 to x1 and y from y0 to y1. Draws into strings of SVG. */
export class Plane {
  constructor([left, top, width, height], [x0, x1], [y0, y1]) {
    Object.assign(this, { left, top, width, height, x: [x0, x1], y: [y0, y1] });
  }
  /** One unit of x as long as one of y, the point `centre` in the middle, ±extent along the shorter side. */
  static equal(box, extent, centre = [0, 0]) {
    const half = [2, 3].map((side) => (extent * box[side]) / Math.min(box[2], box[3]));
    return new Plane(box, ...[0, 1].map((i) => [centre[i] - half[i], centre[i] + half[i]]));
  }
  place([x, y]) {
    const across = (x - this.x[0]) / (this.x[1] - this.x[0]);
    const up = (y - this.y[0]) / (this.y[1] - this.y[0]);
    return [this.left + across * this.width, this.top + (1 - up) * this.height];
  }
  point([a, b]) {
    const across = (a - this.left) / this.width;
    const up = 1 - (b - this.top) / this.height;
    return [this.x[0] + across * (this.x[1] - this.x[0]), this.y[0] + up * (this.y[1] - this.y[0])];
  }
  line(points, classes) {
    return `<path class="line ${classes}" d="M${points.map((p) => this.place(p).map(far).join(" ")).join("L")}"/>`;
  }
  segments(pairs, classes) {
    return pairs.map((pair) => this.line(pair, classes)).join("");
  }
  arrow(tail, tip, classes) {
    const [a, b] = [this.place(tail), this.place(tip)];
    const along = plus(b, times(-1, a));
    const length = Math.hypot(...along);
    if (length < 1) return "";
    const forward = times(Math.min(11, 0.6 * length) / length, along);
    const aside = [-0.36 * forward[1], 0.36 * forward[0]];
    const neck = plus(b, times(-1, forward));
    const corners = [a, neck, plus(neck, aside), b, plus(neck, times(-1, aside)), neck];
    return `<path class="arrow ${classes}" d="M${corners.map((p) => p.map((z) => z.toFixed(1)).join(" ")).join("L")}Z"/>`;
  }
  /** Many small dots, as one path. */
  dots(points, classes) {
    return `<path class="line dots ${classes}" d="${points.map((p) => `M${this.place(p).map(far).join(" ")}h0`).join("")}"/>`;
  }
  dot(point, classes, radius = 3.5) {
    const [cx, cy] = this.place(point);
    return `<circle class="dot ${classes}" cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="${radius}"/>`;
  }
  text(point, content, classes = "", [right, down] = [0, 0], anchor = "middle") {
    const [x, y] = plus(this.place(point), [right, down]).map((z) => z.toFixed(1));
    return `<text class="${classes}" x="${x}" y="${y}" text-anchor="${anchor}">${inDrawing(content)}</text>`;
  }
  /** A label at the tip of an arrow from `tail`, so many units of the drawing beyond it and to its right; not at a stub. */
  label(tail, tip, content, classes, aside, beyond = 16) {
    const along = plus(this.place(tip), times(-1, this.place(tail)));
    const length = Math.hypot(...along);
    if (length < 14) return "";
    const unit = times(1 / length, along);
    const away = plus(times(beyond, unit), times(aside, [-unit[1], unit[0]]));
    const half = 4 * plain(content).length; // of its width, roughly: the label stays off the tip, and in the rectangle
    const [x, y] = plus(plus(this.place(tip), away), [(0.8 * half * away[0]) / Math.hypot(...away), 0]);
    const kept = [
      clamp(x, [this.left + half, this.left + this.width - half]),
      clamp(y + 4.5, [this.top + 12, this.top + this.height - 4]),
    ];
    return this.text(this.point(kept), content, classes);
  }
  /** The lines where the linear function with this gradient has these levels. */
  contours(gradient, levels, classes) {
    const reach = 2 * Math.hypot(this.x[1] - this.x[0], this.y[1] - this.y[0]);
    const unit = times(1 / Math.hypot(...gradient), gradient);
    const along = times(reach, [-unit[1], unit[0]]);
    const feet = levels.map((level) => times(level / Math.hypot(...gradient), unit));
    return this.segments(
      feet.map((foot) => [plus(foot, along), plus(foot, times(-1, along))]),
      classes,
    );
  }
  cross(centre = [0, 0]) {
    return this.segments(
      [
        [
          [this.x[0], centre[1]],
          [this.x[1], centre[1]],
        ],
        [
          [centre[0], this.y[0]],
          [centre[0], this.y[1]],
        ],
      ],
      "grid",
    );
  }
  axes(xs, ys, xlabel, ylabel, digits = [1, 1]) {
    const [x0, y0] = [this.x[0], this.y[0]];
    const [bottom, side] = [this.top + this.height, this.left];
    const tick = (a, b, c, d) => `<path class="line axis" d="M${a} ${b}h${c}v${d}"/>`;
    return (
      `<g class="axes"><path class="line axis" d="M${side} ${this.top}V${bottom}H${side + this.width}"/>` +
      xs
        .map(
          (x) => tick(this.place([x, y0])[0], bottom, 0, 4) + this.text([x, y0], number(x, digits[0]), "tick", [0, 16]),
        )
        .join("") +
      ys
        .map(
          (y) =>
            tick(side, this.place([x0, y])[1], -4, 0) +
            this.text([x0, y], number(y, digits[1]), "tick", [-7, 4], "end"),
        )
        .join("") +
      this.text([this.x[1], y0], xlabel, "", [0, 29], "end") +
      `${this.text([x0, this.y[1]], ylabel, "", [0, -7])}</g>`
    );
  }
  /** The rest of the drawing does not show what leaves the rectangle. */
  clip(content) {
    const { left, top, width, height } = this;
    return `<svg x="${left}" y="${top}" width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}">${content}</svg>`;
  }
}

const STEPS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowDown: [0, -1],
  ArrowUp: [0, 1],
  PageDown: [0, -5],
  PageUp: [0, 5],
  Home: [-1000, 0],
  End: [1000, 0],
};
// To the side and up, if they differ.
const stepOf = ({ step }, i) => step[i] ?? step;
const RING = '<g class="ring"><circle class="reach" r="22"/><circle class="mark" r="8"/></g>';

// The controls: a choice among a few, or a slider over some numbers.
let groups = 0; // one group of radio buttons does not switch off another's
const choice = ({ name, label, options }) =>
  `<fieldset class="choice" aria-label="${label}"><legend>${label}</legend>${Object.entries(options)
    .map(
      ([value, text]) =>
        `<label><input type="radio" name="${name}-${groups}" data-control="${name}" value="${value}" autocomplete="off">${text}</label>`,
    )
    .join("")}</fieldset>`;
const slider = ({ name, label, values }) =>
  `<label class="amount">${label} <input type="range" data-control="${name}" max="${values.length - 1}" autocomplete="off"><output></output></label>`;

/** What the figures have in common: the drawing, the handles, the table of numbers, and the words below it. */
export class Figure extends HTMLElement {
  connectedCallback() {
    if (this.svg) return; // only moved to another place of the page
    this.classList.add("natgrad-figure");
    const figure = JSON.parse(this.dataset.figure);
    const [width, height] = figure.size;
    this.style.width = `${width}pt`;
    this.style.setProperty("--ratio", `${width} / ${height}`);
    this.start(figure);
    this.beginning = structuredClone(this.state);
    const live = document.createElement("div");
    live.className = "live";
    live.innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="group" aria-label="${this.description}"><g class="drawing" aria-hidden="true"></g></svg>
      <div class="below"><div class="controls">${this.controls()
        .map((one) => (one.options ? choice : slider)(one))
        .join("")}<button type="button" class="again">Reset</button></div>
      <table><thead></thead><tbody></tbody></table><p class="message"></p></div><p class="unseen" role="status"></p>`;
    groups += 1;
    this.append(live);
    this.svg = live.querySelector("svg");
    for (const handle of this.handles()) this.addHandle(handle);
    live.querySelector(".controls").addEventListener("input", ({ target }) => {
      const { name, values } = this.controls().find((one) => one.name === target.dataset.control);
      this.set(name, values ? values[target.value] : target.value);
      this.render();
    });
    live.querySelector(".again").addEventListener("click", () => {
      this.state = structuredClone(this.beginning);
      this.render();
    });
    this.render();
    this.querySelector('[role="status"]').textContent = ""; // nothing has happened yet
    clearTimeout(this.timer);
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  addHandle({ name, label, color }) {
    this.svg.insertAdjacentHTML(
      "beforeend",
      `<g class="handle ${color}" data-handle="${name}" tabindex="0" role="slider"
      aria-label="${label}"><title>Drag, or press the arrow keys (with Shift: larger steps)</title>${RING}</g>`,
    );
    const element = this.svg.lastElementChild;
    const current = () => this.handles().find((handle) => handle.name === name);
    const toDrawing = (event) => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      return [x, y];
    };
    let grip = null; // from where the finger is to the middle of the handle
    // A finger on the handle moves it and not the page. (Not every browser knows `touch-action` inside of a drawing.)
    element.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault(); // no selection of text
      element.setPointerCapture(event.pointerId);
      element.focus({ focusVisible: false });
      const { plane, at } = current();
      grip = plus(plane.place(at), times(-1, toDrawing(event)));
    });
    element.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const handle = current();
      this.move(handle, handle.plane.point(plus(toDrawing(event), grip)));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
      element.addEventListener(end, () => (grip = null));
    element.addEventListener("keydown", (event) => {
      const handle = current();
      let step = STEPS[event.key];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault(); // the page stays where it is
      if (handle.value.length === 1) step = [step[0] + step[1]];
      const value = handle.value.map((x, i) => x + stepOf(handle, i) * (event.shiftKey ? 5 : 1) * step[i]);
      this.move(handle, handle.toPoint ? handle.toPoint(value) : value);
    });
  }

  /** Bring a handle as close to a point of its plane as it may go, in its own steps. */
  move(handle, point) {
    const reached = handle.reach.map((limits, i) => clamp(point[i], limits));
    const value = handle.toValue ? handle.toValue(reached) : reached;
    handle.set(value.map((x, i) => Number((Math.round(x / stepOf(handle, i)) * stepOf(handle, i)).toFixed(6))));
    this.render();
  }

  render() {
    const { drawing, head, rows, message, said } = this.view();
    this.querySelector(".drawing").innerHTML = drawing;
    const cells = (kind, [name, first, ...rest]) =>
      `<tr data-row="${name}"><th scope="${kind}">${first}</th>${rest.map((text) => (kind === "col" ? `<th scope="col">${text}</th>` : `<td>${inTable(text)}</td>`)).join("")}</tr>`;
    this.querySelector("thead").innerHTML = cells("col", ["", ...head]).replace('<th scope="col"></th>', "<td></td>");
    this.querySelector("tbody").innerHTML = rows.map((row) => cells("row", row)).join("");
    this.querySelector(".message").innerHTML = message;
    for (const { name, values, unit = "" } of this.controls()) {
      const now = this.state[name];
      const control = this.querySelector(`[data-control="${name}"]${values ? "" : `[value="${now}"]`}`);
      if (values) {
        control.value = values.indexOf(now);
        control.setAttribute("aria-valuetext", now + unit);
        control.nextElementSibling.value = now + unit;
      } else control.checked = true;
    }
    for (const { name, plane, at, text, value, reach, place } of this.handles()) {
      // A slider has one number: of a vector that is its angle, in degrees, and of a place how far it is to the right.
      const [now, [least, most]] =
        place || value.length === 1 ? [value[0], reach[0]] : [Math.round(degrees(value)), [-180, 180]];
      const attributes = {
        "data-value": value, // with all its digits
        "aria-valuetext": plain(text),
        "aria-valuenow": now,
        "aria-valuemin": least,
        "aria-valuemax": most,
      };
      attributes.transform = `translate(${plane.place(at).map((z) => z.toFixed(1))})`;
      const element = this.querySelector(`[data-handle="${name}"]`);
      for (const [key, setting] of Object.entries(attributes)) element.setAttribute(key, setting);
    }
    // Announced once the handle rests.
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => (this.querySelector('[role="status"]').textContent = plain(`${said ?? ""} ${message}`)),
      500,
    );
  }

  /** Each has a name in `state`, a label, and `options`, texts by their values, or the `values` of a slider and their `unit`. */
  controls() {
    return [];
  }
  set(name, value) {
    this.state[name] = value;
  }

  /** The handle at the tip of a vector of the state that begins in the origin of the one plane. */
  tip(name, label, color, text = name) {
    const { plane, state } = this;
    return {
      name,
      label,
      color,
      plane,
      reach: [plane.x, plane.y].map((limits) => times(0.94, limits)),
      step: 0.1,
      at: state[name],
      value: state[name],
      set: (value) => (state[name] = value),
      text: `${text} ${vector(state[name], 1)}`,
    };
  }
}

export const swatch = (classes, name) => `<span class="swatch ${classes}"></span>${name}`;

// Section 1.2: what a norm says about steps. `best` gives the steps of length one that climb highest:
// one, or the two ends of a side.
export const elliptic = (frame) => ({
  ball: circle.map((w) => apply(frame, w)),
  length: (v) => Math.hypot(...apply(inverse(frame), v)),
  natural: (g) => apply(product(frame, transpose(frame)), g),
  best(g) {
    const natural = this.natural(g);
    return [times(1 / Math.sqrt(dot(g, natural)), natural)];
  },
});
export const pNorm = (p) => {
  const size = (v, q) => {
    const sizes = v.map(Math.abs);
    const largest = Math.max(...sizes);
    return q === Infinity || !largest
      ? largest
      : largest * sizes.reduce((sum, x) => sum + (x / largest) ** q, 0) ** (1 / q);
  };
  return {
    ball: circle.map((w) => times(1 / size(w, p), w)),
    length: (v) => size(v, p),
    best(g) {
      const signs = g.map(Math.sign);
      if (p === Infinity)
        return isZero([g[0] * g[1], 0]) ? [-1, 1].map((end) => signs.map((sign) => sign || end)) : [signs];
      const corners = [
        [signs[0], 0],
        [0, signs[1]],
      ];
      const lead = Math.abs(g[0]) - Math.abs(g[1]);
      if (p === 1) return Math.abs(lead) < 1e-9 ? corners : [corners[lead > 0 ? 0 : 1]];
      const q = p / (p - 1);
      return [g.map((x, i) => signs[i] * (Math.abs(x) / size(g, q)) ** (q - 1))];
    },
  };
};

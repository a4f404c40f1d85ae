// The figures that can be dragged. Each is a custom element around its still picture, which stays
// for readers without script and for print, and starts from the numbers of the cell that drew it:
//   <natgrad-ball class="natgrad-figure" data-figure="{…}"><img …></natgrad-ball>
// A classic script, because modules don't load from file://.
(() => {
  "use strict";

  // Vectors of two numbers, matrices of two rows.
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1];
  const cross = (a, b) => a[0] * b[1] - a[1] * b[0];
  const plus = (a, b) => [a[0] + b[0], a[1] + b[1]];
  const times = (s, a) => [s * a[0], s * a[1]];
  const apply = (matrix, v) => [dot(matrix[0], v), dot(matrix[1], v)];
  const transpose = ([[a, b], [c, d]]) => [
    [a, c],
    [b, d],
  ];
  const determinant = ([a, b]) => cross(a, b);
  const inverse = (m) => [
    times(1 / determinant(m), [m[1][1], -m[0][1]]),
    times(1 / determinant(m), [-m[1][0], m[0][0]]),
  ];
  const product = (m, n) => transpose(transpose(n).map((column) => apply(m, column)));
  const degrees = (v) => (Math.atan2(v[1], v[0]) * 180) / Math.PI;
  const isZero = (v) => Math.hypot(...v) < 1e-9;
  const clamp = (x, [low, high]) => Math.min(high, Math.max(low, x));
  const range = (count, from, to) => Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);
  const circle = range(360, 0, 2 * Math.PI).map((angle) => [Math.cos(angle), Math.sin(angle)]);

  // Numbers as the reader sees them: a true minus sign, and no minus zero.
  const number = (x, digits = 2) => {
    if (!Number.isFinite(x)) return x > 0 ? "∞" : x < 0 ? "−∞" : "–";
    const text = Math.abs(x) < 1e5 ? x.toFixed(digits) : x.toExponential(2).replace(/e\+?(-?\d+)/, " · 10^$1");
    return text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  };
  const vector = (v, digits = 2) => `(${v.map((x) => number(x, digits)).join(", ")})`;
  // Powers of ten and italic letters, in a cell of a table and in a drawing.
  const inTable = (text) => text.replace(/10\^(\d+)/, "10<sup>$1</sup>");
  const inDrawing = (text) => text.replaceAll("<i>", '<tspan font-style="italic">').replaceAll("</i>", "</tspan>");
  const plain = (text) => text.replace(/<[^>]*>/g, "");

  /** A rectangle of the drawing in which x runs from x0 to x1 and y from y0 to y1. Draws into strings of SVG. */
  class Plane {
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
      const far = (z) => clamp(z, [-4000, 4000]).toFixed(1); // what leaves the drawing is clipped
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
        `<path class="line axis" d="M${side} ${this.top}V${bottom}H${side + this.width}"/>` +
        xs
          .map(
            (x) =>
              tick(this.place([x, y0])[0], bottom, 0, 4) + this.text([x, y0], number(x, digits[0]), "tick", [0, 16]),
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
        this.text([x0, this.y[1]], ylabel, "", [0, -7])
      );
    }
    /** The rest of the drawing does not show what leaves the rectangle. */
    clip(content) {
      const { left, top, width, height } = this;
      return `<svg x="${left}" y="${top}" width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}">${content}</svg>`;
    }
  }

  let ids = 0; // one group of radio buttons does not switch off another's
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
  const RING = '<g class="ring"><circle class="reach" r="22"/><circle class="mark" r="8"/></g>';

  /** What the figures have in common: the drawing, the handles, the table of numbers, and the words below it. */
  class Figure extends HTMLElement {
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
        <div class="below"><div class="controls">${this.controls()}<button type="button" class="again">Reset</button></div>
        <table><thead></thead><tbody></tbody></table><p class="message"></p></div><p class="unseen" role="status"></p>`;
      this.append(live);
      this.svg = live.querySelector("svg");
      for (const handle of this.handles()) this.addHandle(handle);
      live.querySelector(".controls").addEventListener("input", (event) => {
        this.control(event.target);
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
        const size = handle.step * (event.shiftKey ? 5 : 1);
        const value = handle.value.map((x, i) => x + size * step[i]);
        this.move(handle, handle.toPoint ? handle.toPoint(value) : value);
      });
    }

    /** Bring a handle as close to a point of its plane as it may go, in its own steps. */
    move(handle, point) {
      const reached = handle.reach.map((limits, i) => clamp(point[i], limits));
      const value = handle.toValue ? handle.toValue(reached) : reached;
      handle.set(value.map((x) => Number((Math.round(x / handle.step) * handle.step).toFixed(6))));
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
      for (const { name, plane, at, text, value, reach } of this.handles()) {
        // A slider has one number: of a vector that is its angle, in degrees.
        const [now, [least, most]] =
          value.length === 1 ? [value[0], reach[0]] : [Math.round(degrees(value)), [-180, 180]];
        const attributes = {
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

    controls() {
      return "";
    }
    control() {}
  }

  const swatch = (classes, name) => `<span class="swatch ${classes}"></span>${name}`;

  // Section 1.2: what a norm says about steps. `best` gives the steps of length one that climb highest:
  // one, or the two ends of a side.
  const elliptic = (frame) => ({
    ball: circle.map((w) => apply(frame, w)),
    length: (v) => Math.hypot(...apply(inverse(frame), v)),
    natural: (g) => apply(product(frame, transpose(frame)), g),
    best(g) {
      const natural = this.natural(g);
      return [times(1 / Math.sqrt(dot(g, natural)), natural)];
    },
  });
  const pNorm = (p) => {
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

  customElements.define(
    "natgrad-ball",
    class extends Figure {
      description = "A norm's unit ball and the best step on it";
      start({ size, extent, frame, gradient }) {
        this.plane = Plane.equal([0, 0, ...size], extent);
        this.norms = {
          Σ: elliptic(frame),
          Euclid: elliptic([
            [1, 0],
            [0, 1],
          ]),
          "1-norm": pNorm(1),
          "4-norm": pNorm(4),
          max: pNorm(Infinity),
        };
        this.state = { gradient, norm: "Σ" };
      }
      controls() {
        const choice = (name) =>
          `<label><input type="radio" name="norm-${ids}" value="${name}" autocomplete="off">${name}</label>`;
        ids += 1;
        return `<fieldset class="choice" aria-label="Norm"><legend>Norm</legend>${Object.keys(this.norms).map(choice).join("")}</fieldset>`;
      }
      control(input) {
        this.state.norm = input.value;
      }
      handles() {
        const { plane, state } = this;
        const set = (value) => (state.gradient = value);
        const reach = [plane.x, plane.y].map((limits) => times(0.94, limits));
        const text = `gradient ${vector(state.gradient, 1)}`;
        return [
          {
            name: "gradient",
            label: "Tip of the gradient",
            color: "gradient",
            plane,
            at: state.gradient,
            value: state.gradient,
            set,
            step: 0.1,
            reach,
            text,
          },
        ];
      }
      view() {
        const {
          plane,
          state: { gradient, norm: name },
        } = this;
        const norm = this.norms[name];
        this.querySelector(`[value="${name}"]`).checked = true;
        const head = ["", "vector", "slope"];
        const none = ["–", "–"];
        const names = [
          swatch("gradient", "∇<i>f</i>"),
          swatch("natural dotted", "Σ∇<i>f</i>"),
          swatch("natural", "best, ‖<i>u</i>‖ = 1"),
        ];
        let drawing = plane.cross() + plane.line(norm.ball, "ball area");
        if (isZero(gradient)) {
          const rows = [
            ["gradient", names[0], "(0.0, 0.0)", "0.00"],
            ["natural", names[1], ...none],
            ["best", names[2], ...none],
          ];
          return {
            drawing,
            head,
            rows,
            message: "∇<i>f</i> = 0: here <i>f</i> is flat, and no step is better than another.",
          };
        }
        const best = norm.best(gradient);
        const slope = dot(gradient, best[0]);
        const plainSlope = dot(gradient, gradient) / norm.length(gradient);
        const natural = norm.natural?.(gradient);
        const along = times(1 / norm.length(gradient), gradient);
        drawing =
          plane.contours(
            gradient,
            range(20, -2.5, 2.5).map((level) => level * slope),
            "grid",
          ) + drawing;
        drawing += plane.contours(gradient, [slope], "muted dashed");
        if (natural) drawing += plane.line([best[0], times(9, best[0])], "natural dotted");
        drawing += plane.arrow([0, 0], gradient, "gradient") + plane.dot(along, "gradient");
        drawing += best.length > 1 ? plane.line(best, "natural thick") : "";
        for (const step of best) drawing += plane.arrow([0, 0], step, "natural");
        const turn = cross(gradient, best.at(-1)) < 0 ? -1 : 1; // each label on its own side
        drawing += plane.label([0, 0], gradient, "∇<i>f</i>", "gradient", 20 * turn, 2);
        drawing += best
          .map((step) => plane.label([0, 0], step, best.length > 1 ? "" : "<i>u</i>", "natural", -8 * turn))
          .join("");
        const rows = [
          ["gradient", names[0], vector(gradient, 1), number(plainSlope)],
          ["natural", names[1], ...(natural ? [vector(natural, 1), number(slope)] : none)],
          ["best", names[2], best.map((step) => vector(step)).join(" to "), number(slope)],
        ];
        const share = `Along ∇<i>f</i> a step of length one climbs ${number((100 * plainSlope) / slope, 1)} % of what the best one does.`;
        const message =
          best.length > 1 ? "A whole side of the ball touches the contour: the best direction is not unique." : share;
        return { drawing, head, rows, message, said: `Best step ${rows[2][2]}, slope ${rows[2][3]}.` };
      }
    },
  );
  customElements.define(
    "natgrad-frame",
    class extends Figure {
      description = "The columns of M, their ellipse, and three directions";
      start({ size, extent, frame, gradient }) {
        this.plane = Plane.equal([0, 0, ...size], extent);
        const [first, second] = transpose(frame);
        this.state = { first, second, gradient };
      }
      handles() {
        const { plane, state } = this;
        const reach = [plane.x, plane.y].map((limits) => times(0.94, limits));
        const handle = (name, label, color, text) => ({
          name,
          label,
          color,
          plane,
          reach,
          step: 0.1,
          at: state[name],
          value: state[name],
          set: (value) => (state[name] = value),
          text: `${text} ${vector(state[name], 1)}`,
        });
        return [
          handle("gradient", "Tip of the gradient", "gradient", "gradient"),
          handle("first", "Tip of the first column of M", "accent", "first column"),
          handle("second", "Tip of the second column of M", "accent", "second column"),
        ];
      }
      view() {
        const {
          plane,
          state: { first, second, gradient },
        } = this;
        const frame = transpose([first, second]);
        const singular = Math.abs(determinant(frame)) < 1e-9;
        const covariance = product(frame, transpose(frame));
        const [direct, natural] = [apply(frame, gradient), apply(covariance, gradient)];
        const head = ["", "vector", "slope", "share"];
        const names = [
          swatch("gradient", "∇<i>f</i>"),
          swatch("wrong", "<i>M</i>∇<i>f</i>"),
          swatch("natural", "<i>MM</i>ᵀ∇<i>f</i>"),
        ];
        const none = ["–", "–"];
        const sigma = [
          "covariance",
          "Σ = <i>MM</i>ᵀ",
          covariance.map((row) => row.map((x) => number(x)).join(", ")).join("; "),
          "",
          "",
        ];
        const columns =
          plane.arrow([0, 0], first, "accent") +
          plane.arrow([0, 0], second, "accent") +
          plane.label([0, 0], first, "<i>b</i>₁", "accent", 8) +
          plane.label([0, 0], second, "<i>b</i>₂", "accent", -8);
        const slope =
          plane.arrow([0, 0], gradient, "gradient") + plane.label([0, 0], gradient, "∇<i>f</i>", "gradient", -20, 2);
        const vectors = [gradient, direct, natural].map((v, i) => [
          ["gradient", "direct", "natural"][i],
          names[i],
          vector(v, i ? 2 : 1),
        ]);
        if (singular || isZero(gradient)) {
          const ball = singular
            ? ""
            : plane.line(
                circle.map((w) => apply(frame, w)),
                "ball area",
              );
          const message = singular
            ? "<i>M</i> is singular: its columns are parallel, the ellipse has collapsed, and Σ has no inverse to measure steps with."
            : "∇<i>f</i> = 0: here <i>f</i> is flat, and no step is better than another.";
          return {
            drawing: plane.cross() + ball + columns + slope,
            head,
            rows: [...vectors.map((row) => [...row, ...none]), sigma],
            message,
          };
        }
        const norm = elliptic(frame);
        const [best] = norm.best(gradient);
        const steepest = dot(gradient, best);
        const unit = (v) => times(1 / norm.length(v), v);
        const slopes = [gradient, direct, natural].map((v) => dot(gradient, unit(v)));
        const angle = (Math.atan2(cross(natural, direct), dot(natural, direct)) * 180) / Math.PI;
        const side = angle > 0 ? -1 : 1;
        const drawing =
          plane.contours(
            gradient,
            range(20, -2.5, 2.5).map((level) => level * steepest),
            "grid",
          ) +
          plane.cross() +
          plane.line(norm.ball, "ball area") +
          plane.contours(gradient, [steepest], "muted dashed") +
          columns +
          slope +
          plane.arrow([0, 0], unit(direct), "wrong") +
          plane.arrow([0, 0], best, "natural") +
          plane.dot(unit(gradient), "gradient") +
          plane.label([0, 0], unit(direct), "<i>M</i>∇<i>f</i>", "wrong", 14 * side) +
          plane.label([0, 0], best, "<i>MM</i>ᵀ∇<i>f</i>", "natural", -14 * side);
        const rows = vectors.map((row, i) => [
          ...row,
          number(slopes[i]),
          `${number((100 * slopes[i]) / steepest, 1)} %`,
        ]);
        let message = `<i>M</i>∇<i>f</i> points ${number(Math.abs(angle), 1)}° away from <i>MM</i>ᵀ∇<i>f</i>.`;
        if (Math.abs(angle) < 0.05)
          message = "<i>M</i>∇<i>f</i> and <i>MM</i>ᵀ∇<i>f</i> are parallel: ∇<i>f</i> is an eigenvector of <i>M</i>ᵀ.";
        else if (slopes[1] < 1e-9) message = `${message} It does not even lead uphill.`;
        return {
          drawing,
          head,
          rows: [...rows, sigma],
          message,
          said: `M∇f climbs ${rows[1][4]} of what MMᵀ∇f climbs.`,
        };
      }
    },
  );

  customElements.define(
    "natgrad-paper",
    class extends Figure {
      description = "Graph paper with a second coordinate system";
      start({ size: [width, height], frame, vector: v, coordinates }) {
        const unit = Math.min((width - 34) / 17, (height - 40) / 15);
        this.plane = new Plane([28, 8, 17 * unit, 15 * unit], [-1, 16], [-1, 14]);
        this.frame = frame;
        this.state = { vector: v, coordinates };
      }
      handles() {
        const { plane, frame, state } = this;
        const reach = [
          [-1, 16],
          [-1, 14],
        ];
        return [
          {
            name: "coordinates",
            label: "Tip of M w",
            color: "natural",
            plane,
            reach,
            step: 0.1,
            at: apply(frame, state.coordinates),
            value: state.coordinates,
            toPoint: (w) => apply(frame, w),
            toValue: (v) => apply(inverse(frame), v),
            set: (value) => (state.coordinates = value),
            text: `w ${vector(state.coordinates, 1)}`,
          },
          {
            name: "vector",
            label: "Tip of the pencil line v",
            color: "gradient",
            plane,
            reach,
            step: 0.25,
            at: state.vector,
            value: state.vector,
            set: (value) => (state.vector = value),
            text: `v ${vector(state.vector)} centimetres`,
          },
        ];
      }
      view() {
        const {
          plane,
          frame,
          state: { vector: v, coordinates: w },
        } = this;
        const [b1, b2] = transpose(frame);
        const onPaper = apply(frame, w);
        const inFrame = apply(inverse(frame), v);
        const paper = plane.segments(
          [
            ...range(17, -1, 16).map((x) => [
              [x, -1],
              [x, 14],
            ]),
            ...range(15, -1, 14).map((y) => [
              [-1, y],
              [16, y],
            ]),
          ],
          "grid",
        );
        const crooked = plane.segments(
          range(30, -15, 15).flatMap((k) =>
            [
              [
                [k, -15],
                [k, 15],
              ],
              [
                [-15, k],
                [15, k],
              ],
            ].map((ends) => ends.map((end) => apply(frame, end))),
          ),
          "accent fine faint",
        );
        const way = ([i, j], color) =>
          plane.line([[0, 0], times(i, b1), plus(times(i, b1), times(j, b2))], `${color} dotted`);
        const drawing =
          plane.clip(paper + crooked + way(w, "natural") + way(inFrame, "gradient")) +
          plane.axes(range(8, 0, 16), range(7, 0, 14), "cm", "", [0, 0]) +
          plane.arrow([0, 0], onPaper, "natural") +
          plane.label([0, 0], onPaper, isZero(w) ? "" : "<i>Mw</i>", "natural", -10) +
          plane.arrow([0, 0], b1, "accent") +
          plane.label([0, 0], b1, "<i>b</i>₁", "accent", 8) +
          plane.arrow([0, 0], b2, "accent") +
          plane.label([0, 0], b2, "<i>b</i>₂", "accent", -10) +
          plane.arrow([0, 0], v, "gradient") +
          plane.label([0, 0], v, isZero(v) ? "" : "<i>v</i>", "gradient", -12, 12);
        const lengths = (a, b) => [`${number(Math.hypot(...a))} cm`, number(Math.hypot(...b))];
        return {
          drawing,
          head: ["", "on the paper", "in the frame"],
          rows: [
            ["vector", swatch("gradient", "<i>v</i>"), `${vector(v)} cm`, vector(inFrame, 3)],
            ["vector-length", swatch("", "its length"), ...lengths(v, inFrame)],
            ["coordinates", swatch("natural", "<i>Mw</i>"), `${vector(onPaper)} cm`, vector(w, 1)],
            ["coordinates-length", swatch("", "its length"), ...lengths(onPaper, w)],
          ],
          message:
            isZero(v) || isZero(w)
              ? "A line of no length has none in either system."
              : `The frame measures <i>v</i> shorter by a factor of ${number(Math.hypot(...v) / Math.hypot(...inFrame))}, and <i>Mw</i> by ${number(Math.hypot(...onPaper) / Math.hypot(...w))}.`,
        };
      }
    },
  );

  // Section 3.1: a coin that shows heads with probability a, beside one with b.
  const coin = {
    kl: (a, b) => a * Math.log(a / b) + (1 - a) * Math.log((1 - a) / (1 - b)),
    halfChi2: (a, b) => ((b - a) ** 2 / a + (b - a) ** 2 / (1 - a)) / 2,
    quadratic: (a, b) => (b - a) ** 2 / (2 * a * (1 - a)),
    series(a, b, terms) {
      const [heads, tails] = [1 - b / a, 1 - (1 - b) / (1 - a)];
      let sum = 0;
      for (let k = 1; k <= terms; k++) sum += (a * heads ** k + (1 - a) * tails ** k) / k;
      return sum;
    },
  };

  customElements.define(
    "natgrad-coin",
    class extends Figure {
      description = "The divergence of one coin from another, and its approximations";
      start({ size: [width, height], theta0, theta, terms }) {
        this.plane = new Plane([40, 26, width - 54, height - 64], [0, 1], [0, 0.65]);
        this.state = { theta0: [theta0], theta: [theta], terms };
      }
      controls() {
        return '<label class="amount">Terms <input type="range" min="1" max="40" autocomplete="off"><output></output></label>';
      }
      control(input) {
        this.state.terms = Number(input.value);
      }
      handles() {
        const { plane, state } = this;
        const handle = (name, label, color, height, limits) => ({
          name,
          label,
          color,
          plane,
          step: 0.01,
          at: [state[name][0], height],
          value: state[name],
          reach: [limits, [height, height]],
          toPoint: ([x]) => [x, height],
          toValue: ([x]) => [x],
          set: (value) => (state[name] = value),
          text: number(state[name][0]),
        });
        return [
          handle("theta0", "theta 0, the coin that is tossed", "ink", 0, [0.05, 0.95]),
          handle("theta", "theta, the other coin", "natural", 0.65, [0.01, 0.99]),
        ];
      }
      view() {
        const {
          plane,
          state: {
            theta0: [a],
            theta: [b],
            terms,
          },
        } = this;
        const slider = this.querySelector('input[type="range"]');
        slider.value = terms;
        slider.nextElementSibling.value = terms;
        const kl = coin.kl(a, b);
        const walls = [Math.max(0, 2 * a - 1), Math.min(1, 2 * a)];
        const grid = range(400, 0.004, 0.996);
        const curve = (f, classes) =>
          plane.line(
            grid.map((x) => [x, f(x)]),
            classes,
          );
        const shade = (from, to) =>
          from < to
            ? `<path class="shade" d="M${plane.place([from, 0.65])}H${plane.place([to, 0])[0]}V${plane.place([0, 0])[1]}H${plane.place([from, 0])[0]}Z"/>`
            : "";
        const values = {
          kl,
          chi2: coin.halfChi2(a, b),
          quadratic: coin.quadratic(a, b),
          series: coin.series(a, b, terms),
        };
        const marks = [
          ["kl", "natural"],
          ["chi2", "gradient"],
          ["series", "wrong"],
        ].filter(([key]) => values[key] >= 0 && values[key] <= 0.65);
        const drawing =
          plane.clip(
            shade(0, walls[0]) +
              shade(walls[1], 1) +
              curve((x) => coin.kl(a, x), "natural") +
              curve((x) => coin.halfChi2(a, x), "gradient dashed") +
              curve((x) => coin.series(a, x, terms), "wrong fine") +
              plane.line(
                [
                  [b, 0],
                  [b, 0.65],
                ],
                "natural dotted",
              ) +
              marks.map(([key, color]) => plane.dot([b, values[key]], color)).join(""),
          ) +
          plane.axes(range(5, 0, 1), range(3, 0, 0.6), "<i>θ</i>", "nats") +
          plane.text([a, 0], "<i>θ</i>₀", "ink", [14, -8]) +
          plane.text([b, 0.65], "<i>θ</i>", "natural", [15, 5]);
        const row = (key, name) => [key, name, number(values[key], 4), key === "kl" ? "" : number(values[key] - kl, 4)];
        const side =
          b < walls[0] - 1e-9 ? `1 − <i>θ</i> > 2(1 − <i>θ</i>₀)` : b > walls[1] + 1e-9 ? `<i>θ</i> > 2<i>θ</i>₀` : "";
        const onWall = [walls[0], walls[1]].some((wall) => wall > 0 && wall < 1 && Math.abs(wall - b) < 1e-9);
        let message =
          "Between the walls, <i>θ</i> ≤ 2<i>θ</i>₀ and 1 − <i>θ</i> ≤ 2(1 − <i>θ</i>₀), the sums converge.";
        if (side) message = `Behind the wall, ${side}: the even sums run away upwards, the odd ones downwards.`;
        else if (onWall) message = "On the wall itself the sums still arrive, but slowly.";
        else if (Math.abs(a - b) < 1e-9) message = "The same coin twice: all four numbers are zero.";
        return {
          drawing,
          head: ["", "nats", "beside KL"],
          rows: [
            row("kl", swatch("natural", "KL(<i>p</i><sub>θ₀</sub>‖<i>p</i><sub>θ</sub>)")),
            row("chi2", swatch("gradient dashed", "½<i>χ</i>²")),
            row("quadratic", swatch("gradient dashed", "½<i>F</i>(<i>θ</i> − <i>θ</i>₀)²")),
            row("series", swatch("wrong", `sum of ${terms} ${terms === 1 ? "term" : "terms"}`)),
          ],
          message,
          said: `Divergence ${number(kl, 4)} nats, sum of ${terms} ${number(values.series, 4)}.`,
        };
      }
    },
  );

  // Section 3.6: Gaussians by mean and precision, or by mean and standard deviation.
  const gaussian = {
    kl: ([m0, t0], [m, t]) => (t / t0 - 1 - Math.log(t / t0) + t * (m - m0) ** 2) / 2,
    density:
      ([m, t]) =>
      (x) =>
        Math.sqrt(t / (2 * Math.PI)) * Math.exp((-t * (x - m) ** 2) / 2),
  };
  const letters = {
    tau: {
      fisher: ([, t]) => [t, 1 / (2 * t * t)],
      toTau: (theta) => theta,
      fromTau: (theta) => theta,
      slope: () => 1,
    },
    sigma: {
      fisher: ([, s]) => [1 / (s * s), 2 / (s * s)],
      toTau: ([m, s]) => [m, 1 / (s * s)],
      fromTau: ([m, t]) => [m, 1 / Math.sqrt(t)],
      slope: ([, s]) => -2 / s ** 3, // dτ/dσ
    },
  };
  const PRICES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

  customElements.define(
    "natgrad-step",
    class extends Figure {
      description = "One step in two parametrisations, and the densities it leads to";
      start({ size: [width, height], point, gradient, price }) {
        const half = (width - 60) / 2;
        const above = height * 0.58;
        this.planes = {
          tau: new Plane([30, 18, half, above - 52], [-1.3, 1.3], [0, 2.6]),
          sigma: new Plane([width - half - 8, 18, half, above - 52], [-1.3, 1.3], [0, 2.6]),
        };
        this.below = new Plane([30, above + 12, width - 38, height - above - 46], [-3, 3], [0, 0.62]);
        this.point = point;
        this.state = { gradient, price: PRICES.indexOf(price) };
      }
      controls() {
        return `<label class="amount">Price <input type="range" min="0" max="${PRICES.length - 1}" autocomplete="off"><output></output></label>`;
      }
      control(input) {
        this.state.price = Number(input.value);
      }
      /** The gradient in the other letters, by the chain rule. */
      gradientIn(name) {
        const [along, across] = this.state.gradient;
        return [along, across * letters[name].slope(letters[name].fromTau(this.point))];
      }
      handles() {
        return Object.keys(letters).map((name) => {
          const here = letters[name].fromTau(this.point);
          const slope = letters[name].slope(here);
          const gradient = this.gradientIn(name);
          return {
            name,
            label: `Tip of the gradient in mu and ${name}`,
            color: "gradient",
            plane: this.planes[name],
            step: 0.1,
            at: plus(here, times(0.4, gradient)),
            value: gradient,
            reach: [
              [-1.2, 1.2],
              [0.1, 2.5],
            ],
            toPoint: (g) => plus(here, times(0.4, g)),
            toValue: (point) => times(2.5, plus(point, times(-1, here))),
            set: ([along, across]) => (this.state.gradient = [along, across / slope]),
            text: `gradient ${vector(gradient)}`,
          };
        });
      }
      /** Along a ray from the point, in the given letters: where the divergence has the price. */
      reach(name, ray, price) {
        const here = letters[name].fromTau(this.point);
        const at = (h) => letters[name].toTau(plus(here, times(h, ray)));
        const cost = (h) => (at(h)[1] > 0 && here[1] + h * ray[1] > 0 ? gaussian.kl(this.point, at(h)) : Infinity);
        const [f1, f2] = letters[name].fisher(here);
        let high = 0.2 * Math.sqrt((2 * price) / (f1 * ray[0] ** 2 + f2 * ray[1] ** 2));
        let low = 0;
        while (cost(high) < price) [low, high] = [high, 1.2 * high];
        for (let i = 0; i < 60; i++) {
          const middle = (low + high) / 2;
          if (cost(middle) < price) low = middle;
          else high = middle;
        }
        return at(low);
      }
      view() {
        const { planes, below, point, state } = this;
        const price = PRICES[state.price];
        const slider = this.querySelector('input[type="range"]');
        slider.value = state.price;
        slider.setAttribute("aria-valuetext", `${price} nats`);
        slider.nextElementSibling.value = `${price} nats`;
        const budget = circle.filter((_, i) => i % 3 === 0).map((ray) => this.reach("tau", ray, price));
        const rows = [
          ["gradient", swatch("gradient", "∇<i>f</i>")],
          ["natural", swatch("natural", "<i>F</i>⁻¹∇<i>f</i>")],
          ["plain-end", swatch("gradient", "∇<i>f</i> leads to")],
          ["natural-end", swatch("natural", "<i>F</i>⁻¹∇<i>f</i> leads to")],
        ];
        const flat = isZero(state.gradient);
        const density = (theta, classes) =>
          below.line(
            range(120, -3, 3).map((x) => [x, gaussian.density(theta)(x)]),
            classes,
          );
        let drawing = below.axes(range(6, -3, 3), [], "<i>x</i>", "", [0, 0]) + density(point, "muted");
        const steps = {};
        for (const name of Object.keys(letters)) {
          const here = letters[name].fromTau(point);
          const gradient = this.gradientIn(name);
          const fisher = letters[name].fisher(here);
          const natural = gradient.map((g, i) => g / fisher[i]);
          rows[0].push(vector(gradient));
          rows[1].push(vector(natural));
          if (flat) rows[2].push("–"), rows[3].push("–");
          else {
            steps[name] = {
              gradient,
              natural,
              plainEnd: this.reach(name, gradient, price),
              naturalEnd: this.reach(name, natural, price),
            };
            // A distribution has one name here, whatever the letters in which it was reached.
            for (const [i, key] of [
              [2, "plainEnd"],
              [3, "naturalEnd"],
            ]) {
              const [m, t] = steps[name][key];
              rows[i].push(`N(${number(m)}, ${number(1 / Math.sqrt(t))}²)`);
            }
          }
        }
        for (const name of Object.keys(letters)) {
          const plane = planes[name];
          const { fromTau } = letters[name];
          const here = fromTau(point);
          let inside =
            plane.segments(
              [
                [
                  [plane.x[0], here[1]],
                  [plane.x[1], here[1]],
                ],
                [
                  [here[0], 0],
                  [here[0], plane.y[1]],
                ],
              ],
              "grid",
            ) + plane.line(budget.map(fromTau), "ball area");
          if (!flat) {
            const { gradient, natural } = steps[name];
            const tips = [gradient, natural].map((v) => plus(here, times(0.4, v)));
            inside += plane.arrow(here, tips[0], "gradient") + plane.arrow(here, tips[1], "natural");
            for (const [other, kind] of [
              [name, ""],
              [name === "tau" ? "sigma" : "tau", " hollow"],
            ])
              inside +=
                plane.dot(fromTau(steps[other].plainEnd), `gradient${kind}`) +
                plane.dot(fromTau(steps[other].naturalEnd), `natural${kind}`);
            const turn = cross(gradient, natural) > 0 ? 1 : -1;
            inside +=
              plane.label(here, tips[0], "∇<i>f</i>", "gradient", 19 * turn, 4) +
              plane.label(here, tips[1], "<i>F</i>⁻¹∇<i>f</i>", "natural", -14 * turn);
          }
          drawing +=
            plane.clip(inside) +
            plane.axes([-1, 0, 1], [0, 1, 2], "<i>μ</i>", name === "tau" ? "<i>τ</i>" : "<i>σ</i>", [0, 0]);
        }
        const message = flat
          ? "∇<i>f</i> = 0: here <i>f</i> is flat, and no step is better than another."
          : this.compare(steps, ([m, t]) => [m, 1 / Math.sqrt(t)]);
        if (!flat) {
          drawing +=
            density(steps.tau.plainEnd, "gradient") +
            density(steps.sigma.plainEnd, "gradient dashed") +
            density(steps.tau.naturalEnd, "natural") +
            density(steps.sigma.naturalEnd, "natural dashed");
        }
        return {
          drawing,
          head: ["", swatch("ink", "(<i>μ</i>, <i>τ</i>)"), swatch("ink dashed", "(<i>μ</i>, <i>σ</i>)")],
          rows,
          message,
        };
      }
      /** How far apart the two letters end, in nats. */
      compare({ tau, sigma }) {
        const apart = (key) => number(gaussian.kl(tau[key], sigma[key]), 5);
        return `From one end to the other it is ${apart("naturalEnd")} nats for <i>F</i>⁻¹∇<i>f</i>, and ${apart("plainEnd")} nats for ∇<i>f</i>.`;
      }
    },
  );
})();

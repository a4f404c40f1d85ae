import { apply, circle, dot, Figure, inverse, number, Plane, plus, range, swatch, times, vector } from "../figure.js";

// Section 5.2: a logistic curve fitted to shares of the dead, a + b(dose − 1.8), by the method of scoring.
const MIDDLE = 1.8;
const NEAR = 1e-6;
const STEPS = 50;
const chance = (z) => 1 / (1 + Math.exp(-z));
const sum = (terms) => terms.reduce((total, term) => total + term, 0);
// β from (a, b), and the inputs of which a + b(dose − 1.8) is the sum.
const beta = ([a, b]) => [a - MIDDLE * b, b];

customElements.define(
  "natgrad-scoring",
  class extends Figure {
    description = "The walk of scoring over the log-likelihood, and the curve that it fits";
    start({ size: [width, height], dose, beetles, killed, best, start }) {
      const above = height * 0.6;
      this.plane = new Plane([44, 22, width - 54, above - 60], [-1.2, 2.6], [-5, 50]);
      this.below = new Plane([44, above + 14, width - 54, height - above - 50], [1.65, 1.92], [0, 1]);
      this.groups = dose.map((d, i) => ({ dose: d, x: [1, d - MIDDLE], all: beetles[i], dead: killed[i] }));
      this.best = [best[0] + MIDDLE * best[1], best[1]];
      this.top = this.height(this.best);
      this.contours = [1, 4, 16, 64, 128].map((level) => this.contour(level));
      this.state = { start: [start[0] + MIDDLE * start[1], start[1]], matrix: "true", step: 1 };
    }
    controls() {
      return [
        { name: "matrix", label: "Matrix", options: { true: "<i>F</i>", empirical: "empirical" } },
        { name: "step", label: "After step", values: range(8, 0, 8) },
      ];
    }
    handles() {
      const { plane, state } = this;
      return [
        {
          name: "start",
          label: "Start of the walk",
          color: "ink",
          place: true,
          plane,
          step: [0.1, 1],
          at: state.start,
          value: state.start,
          reach: [
            [-1.1, 2.5],
            [-4, 48],
          ],
          set: (value) => (state.start = value),
          text: `height ${number(state.start[0], 1)}, slope ${number(state.start[1], 1)}`,
        },
      ];
    }
    height(point) {
      return sum(
        this.groups.map(({ x, all, dead }) => {
          const z = dot(x, point);
          return dead * z - all * (Math.max(0, z) + Math.log1p(Math.exp(-Math.abs(z))));
        }),
      );
    }
    /** The Fisher matrix of all beetles, or the sum of the squares of their scores. */
    matrix(point) {
      const weights = this.groups.map(({ x, all, dead }) => {
        const p = chance(dot(x, point));
        return this.state.matrix === "true" ? all * p * (1 - p) : dead * (1 - p) ** 2 + (all - dead) * p ** 2;
      });
      const entry = (i, j) => sum(this.groups.map(({ x }, k) => weights[k] * x[i] * x[j]));
      return [0, 1].map((i) => [entry(i, 0), entry(i, 1)]);
    }
    /** Where this many nats are left: on each ray from the top there is one such point, for the function is concave. */
    contour(level) {
      return circle
        .filter((_, i) => i % 3 === 0)
        .map(([cos, sin]) => {
          const at = (far) => plus(this.best, [0.5 * far * cos, 12 * far * sin]);
          let [near, far] = [0, 12];
          for (let i = 0; i < 40; i++) {
            const middle = (near + far) / 2;
            if (this.top - this.height(at(middle)) < level) near = middle;
            else far = middle;
          }
          return at(near);
        });
    }
    /** The points of the walk, to the top or to where it runs away. */
    walk() {
      const points = [this.state.start];
      while (points.length <= STEPS && this.top - this.height(points.at(-1)) > NEAR) {
        const here = points.at(-1);
        const residuals = this.groups.map(({ x, all, dead }) => dead - all * chance(dot(x, here)));
        const up = [0, 1].map((i) => sum(this.groups.map(({ x }, k) => residuals[k] * x[i])));
        const next = plus(here, apply(inverse(this.matrix(here)), up));
        if (!(Math.abs(next[0]) < 8 && Math.abs(next[1]) < 150)) return { points, away: true };
        points.push(next);
      }
      return { points, away: false };
    }
    /** Steps that cost two nats by the matrix at a point: δᵀFδ = 4. */
    ball(point) {
      const [[f, g], [, h]] = this.matrix(point);
      const triangle = [
        [Math.sqrt(f), g / Math.sqrt(f)],
        [0, Math.sqrt(h - (g * g) / f)],
      ];
      return circle.map((w) => plus(point, apply(inverse(triangle), times(2, w))));
    }
    view() {
      const { plane, below, state } = this;
      const { points, away } = this.walk();
      const step = Math.min(state.step, points.length - 1);
      const here = points[step];
      const curve = (point, classes) =>
        below.line(
          range(108, 1.65, 1.92).map((d) => [d, chance(point[0] + point[1] * (d - MIDDLE))]),
          classes,
        );
      const inside =
        this.contours.map((points) => plane.line(points, "grid")).join("") +
        plane.line(this.ball(here), "ball area") +
        plane.line(points, "natural fine") +
        plane.dots(points, "natural big") +
        plane.dot(here, "natural", 5);
      const drawing =
        plane.clip(inside) +
        plane.axes(range(3, -1, 2), range(5, 0, 50), "<i>β</i>₀ + 1.8 <i>β</i>₁", "<i>β</i>₁", [0, 0]) +
        below.clip(
          points
            .slice(0, step)
            .map((point) => curve(point, "natural fine faint"))
            .join("") + curve(here, "natural"),
        ) +
        this.groups.map(({ dose, all, dead }) => below.dot([dose, dead / all], "ink")).join("") +
        below.axes(range(5, 1.65, 1.9), [0, 0.5, 1], "dose", "share", [2, 1]);
      const left = this.top - this.height(here);
      // The spread of β: F⁻¹ in its letters.
      const shear = [
        [1, -MIDDLE],
        [0, 1],
      ];
      const cover = inverse(this.matrix(here));
      const variances = shear.map((row) => dot(row, apply(cover, row)));
      const there = this.top - this.height(points.at(-1)) <= NEAR;
      const steps = points.length - 1;
      const message = there
        ? `Within a millionth of a nat after ${steps} ${steps === 1 ? "step" : "steps"}.`
        : away
          ? `Runs away with step ${steps + 1}.`
          : `Not there after ${steps} steps.`;
      return {
        drawing,
        head: ["", step === 0 ? "at the start" : `after step ${step}`],
        rows: [
          ["beta", swatch("natural", "<i>β</i>₀, <i>β</i>₁"), vector(beta(here))],
          ["left", swatch("grid", "nats left"), number(left, 4)],
          ["ball", swatch("ball", "steps of 2 nats"), "two standard errors"],
          ["errors", "standard errors", vector(variances.map(Math.sqrt))],
        ],
        message,
        said: `${number(left, 4)} nats left after step ${step}.`,
      };
    }
  },
);

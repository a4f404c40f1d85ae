import { Figure, number, Plane, plus, range, swatch, times } from "../figure.js";

// Section 4.1: Gaussians fitted to data of mean m and variance s², in three sets of letters. `slope` is dτ/dy.
const letters = {
  tau: {
    ...{ name: "τ", y: [0, 6], ticks: range(3, 0, 6), reach: [0.3, 5.6], least: 0 },
    toTau: (y) => y,
    fromTau: (t) => t,
    slope: () => 1,
  },
  sigma: {
    ...{ name: "σ", y: [0, 2], ticks: range(4, 0, 2), reach: [0.45, 1.8], least: 0 },
    toTau: (y) => y ** -2,
    fromTau: (t) => t ** -0.5,
    slope: (y) => -2 / y ** 3,
  },
  log: {
    ...{ name: "ln σ", y: [-1.2, 0.8], ticks: range(3, -1, 0.5), reach: [-0.85, 0.6], least: -Infinity },
    toTau: (y) => Math.exp(-2 * y),
    fromTau: (t) => -Math.log(t) / 2,
    slope: (y) => -2 * Math.exp(-2 * y),
  },
};
const NEAR = 1e-6;
const STEPS = 500;
const LEVELS = [0.003, 0.03, 0.1, 0.3, 1]; // nats
// The 24 step lengths among which the chapter looks for the best, from 0.05 to 0.9.
const ETAS = {
  plain: range(23, Math.log(0.05), Math.log(0.9)).map((log) => Number(Math.exp(log).toFixed(4))),
  natural: range(14, 0.1, 1.5).map((eta) => Number(eta.toFixed(1))),
};
const density =
  ([m, t]) =>
  (x) =>
    Math.sqrt(t / (2 * Math.PI)) * Math.exp((-t * (x - m) ** 2) / 2);

customElements.define(
  "natgrad-walk",
  class extends Figure {
    description = "Two walks to the best fit, and the densities on their way";
    start({ size: [width, height], data, start, plain, natural }) {
      const above = height * 0.6;
      this.box = [44, 22, width - 54, above - 60];
      this.below = new Plane([44, above + 8, width - 54, height - above - 44], [-3, 4], [0, 1]);
      [this.mean, this.variance] = data;
      this.state = { letters: "tau", start, plain, natural };
    }
    controls() {
      const options = Object.entries(letters).map(([key, { name }]) => [key, `(μ, ${name})`]);
      return [
        { name: "letters", label: "Coordinates", options: Object.fromEntries(options) },
        { name: "plain", label: "plain <i>η</i>", values: ETAS.plain },
        { name: "natural", label: "natural <i>η</i>", values: ETAS.natural },
      ];
    }
    /** In other letters the walks start at the same Gaussian. */
    set(name, value) {
      if (name === "letters") {
        const [m, y] = this.state.start;
        this.state.start = [m, letters[value].fromTau(letters[this.state.letters].toTau(y))];
      }
      super.set(name, value);
    }
    get plane() {
      return new Plane(this.box, [-1.2, 3.2], letters[this.state.letters].y);
    }
    handles() {
      const { state, plane } = this;
      const { name, reach } = letters[state.letters];
      return [
        {
          name: "start",
          label: "Start of both walks",
          color: "ink",
          place: true,
          plane,
          step: 0.05,
          at: state.start,
          value: state.start,
          reach: [[-1, 3], reach],
          set: (value) => (state.start = value),
          text: `μ ${number(state.start[0])}, ${name} ${number(state.start[1])}`,
        },
      ];
    }
    /** What (μ, τ) is short of the best fit, in nats. */
    left([m, t]) {
      const { mean, variance } = this;
      return (t * (variance + (mean - m) ** 2) - 1 - Math.log(t * variance)) / 2;
    }
    /** The points of a walk, until few nats are left for good, and whether it ends there, or `gone`, or not at all. */
    walk(natural, eta) {
      const { toTau, slope, least } = letters[this.state.letters];
      const points = [this.state.start];
      let last = -1; // where too many are left
      for (let k = 0; k <= STEPS; k++) {
        const [m, y] = points[k];
        const t = toTau(y);
        if (!(y > least && Math.abs(Math.log(t)) < 30 && Math.abs(m) < 1e6))
          // Later than that, roundings decide with which step.
          return k <= 40
            ? { points: points.slice(0, k), steps: k, end: "gone" }
            : { points: points.slice(0, k), steps: STEPS };
        if (this.left([m, t]) > NEAR) last = k;
        const up = [t * (this.mean - m), (slope(y) * (1 / t - this.variance - (this.mean - m) ** 2)) / 2];
        points.push(plus(points[k], times(eta, natural ? [up[0] / t, up[1] * 2 * (t / slope(y)) ** 2] : up)));
      }
      const steps = Math.min(last + 1, STEPS);
      return { points: points.slice(0, steps + 1), steps, end: last < STEPS && "there" };
    }
    /** Where this many nats are left: for each precision two means. */
    contour(level) {
      const { mean, variance } = this;
      const excess = (log) => Math.exp(log) - 1 - log - 2 * level; // of ln τs², with the best mean
      const root = (near, distant) => {
        for (let i = 0; i < 50; i++) {
          const middle = (near + distant) / 2;
          if (excess(middle) < 0) near = middle;
          else distant = middle;
        }
        return near;
      };
      const [low, high] = [root(0, -2 - 2 * level), root(0, 2 + 2 * level)];
      const half = range(60, 0, Math.PI).map((angle) => {
        const log = (low + high - (high - low) * Math.cos(angle)) / 2;
        return [
          Math.sqrt(Math.max(0, (2 * level + 1 + log) * Math.exp(-log) - 1) * variance),
          Math.exp(log) / variance,
        ];
      });
      const { fromTau } = letters[this.state.letters];
      const side = (sign) => half.map(([away, t]) => [mean + sign * away, fromTau(t)]);
      return [...side(1), ...side(-1).reverse()];
    }
    view() {
      const { plane, below, state } = this;
      const { name, toTau, fromTau, ticks } = letters[state.letters];
      const gaussian = ([m, y]) => [m, toTau(y)];
      const best = [this.mean, 1 / this.variance];
      const walks = { plain: this.walk(false, state.plain), natural: this.walk(true, state.natural) };
      const colors = { plain: "gradient", natural: "natural" };
      const named = ([m, t]) => `N(${number(m)}, ${number(t ** -0.5)}²)`;
      let inside = LEVELS.map((level) => plane.line(this.contour(level), "grid")).join("");
      let bells = "";
      const bell = (theta, classes) =>
        below.line(
          range(140, -3, 4).map((x) => [x, density(theta)(x)]),
          classes,
        );
      for (const [way, { points }] of Object.entries(walks)) {
        const big = way === "natural" ? "big" : "";
        inside += plane.line(points, `${colors[way]} fine`) + plane.dots(points, `${colors[way]} ${big}`);
        bells += points
          .slice(1, 4)
          .map((point, k) => bell(gaussian(point), `${colors[way]} ${k ? "fine" : ""}`))
          .join("");
      }
      const drawing =
        plane.clip(`${inside}${plane.dot([this.mean, fromTau(best[1])], "ink hollow", 3)}`) +
        plane.axes(range(4, -1, 3), ticks, "<i>μ</i>", `<i>${name}</i>`, [0, state.letters === "tau" ? 0 : 1]) +
        below.clip(bell(best, "grid thick") + bell(gaussian(state.start), "muted dashed") + bells) +
        below.axes(range(7, -3, 4), [], "<i>x</i>", "", [0, 0]);
      const row = (way) => {
        const { points, steps, end } = walks[way];
        const first = points[1] && gaussian(points[1]);
        const count = { there: `${steps}`, gone: `gone at ${steps}` }[end] ?? `> ${steps}`;
        const reached = first ? [named(first), number(this.left(first), 3)] : ["–", "–"];
        return [way, swatch(colors[way], way), ...reached, count];
      };
      const fate = ({ steps, end }) =>
        ({ there: `there after ${steps} ${steps === 1 ? "step" : "steps"}`, gone: `out of bounds with step ${steps}` })[
          end
        ] ?? `not there after ${steps} steps`;
      const start = gaussian(state.start);
      return {
        drawing,
        head: ["", "after a step", "nats left", "steps to 10⁻⁶"],
        rows: [
          ["start", swatch("muted dashed", "start"), named(start), number(this.left(start), 3), ""],
          row("plain"),
          row("natural"),
        ],
        message: `Natural: ${fate(walks.natural)}. Plain: ${fate(walks.plain)}.`,
      };
    }
  },
);

import { circle, cross, Figure, isZero, number, Plane, plus, range, swatch, times, vector } from "../figure.js";

// Section 3.6: Gaussians by mean and precision, or by mean and standard deviation.
const gaussian = {
  kl: ([m0, t0], [m, t]) => (t / t0 - 1 - Math.log(t / t0) + t * (m - m0) ** 2) / 2,
  density:
    ([m, t]) =>
    (x) =>
      Math.sqrt(t / (2 * Math.PI)) * Math.exp((-t * (x - m) ** 2) / 2),
};
const letters = {
  tau: { fisher: ([, t]) => [t, 1 / (2 * t * t)], toTau: (theta) => theta, fromTau: (theta) => theta, slope: () => 1 },
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
      this.state = { gradient, price };
    }
    controls() {
      return [{ name: "price", label: "Price", values: PRICES, unit: " nats" }];
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
      const { price } = state;
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
        if (flat) {
          rows[2].push("–");
          rows[3].push("–");
        } else {
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

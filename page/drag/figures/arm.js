import { Figure, number, Plane, plus, range, swatch, times, vector } from "../figure.js";

// Section 6.4: a Gaussian policy over the two angles of an arm, in (μᵢ, ln σᵢ), by exact steps of equal divergence.
const PRICE = 0.03; // nats
const STEPS = 80;
const NEAR = 0.01;
const hand = ([a, b]) => [Math.cos(a) + Math.cos(a + b), Math.sin(a) + Math.sin(a + b)];
const product = (a, b) => [a[0] * b[0], a[1] * b[1]];
// As it were draws of a standard normal, but the same each time: a sunflower's seeds.
const noise = range(149, 0.5, 149.5).map((k) => {
  const angle = k * Math.PI * (3 - Math.sqrt(5));
  return times(Math.sqrt(-2 * Math.log(k / 150)), [Math.cos(angle), Math.sin(angle)]);
});

customElements.define(
  "natgrad-arm",
  class extends Figure {
    description = "An arm of two links that reaches for a point, and how near it is for the nats it has spent";
    start({ size: [width, height], start, spread, target, nats }) {
      const [top, side] = [24, height - 64];
      this.plane = Plane.equal([36, top, side, side], 2.1);
      this.clock = new Plane([side + 100, top, width - side - 112, side], [0, PRICE * STEPS], [-6, 1.3]);
      this.first = { mu: start, log: start.map(() => Math.log(spread)) };
      this.state = { target, nats };
    }
    controls() {
      const values = range(STEPS, 0, STEPS).map((k) => Number((k * PRICE).toFixed(2)));
      return [{ name: "nats", label: "Nats spent", values }];
    }
    handles() {
      const {
        plane,
        state: { target },
      } = this;
      return [
        {
          name: "target",
          label: "Point to be reached",
          color: "ink",
          place: true,
          plane,
          step: 0.05,
          at: target,
          value: target,
          reach: [
            [-1.9, 1.9],
            [-1.9, 1.9],
          ],
          toValue: (point) => times(Math.min(1, 1.9 / Math.hypot(...point)), point), // the arm is no longer
          set: (value) => (this.state.target = value),
          text: `point ${vector(target)}`,
        },
      ];
    }
    /** The mean squared distance from the point, and its slopes down in μ and ln σ: E[cos a·φ] = cos(a·μ) exp(−½ Σ aᵢ²σᵢ²). */
    miss({ mu, log }) {
      const [x, y] = this.state.target;
      const squares = log.map((l) => Math.exp(2 * l));
      const calm = squares.map((s) => Math.exp(-s / 2));
      const turned = (angle, factor) => [
        factor * (x * Math.cos(angle) + y * Math.sin(angle)),
        factor * (y * Math.cos(angle) - x * Math.sin(angle)),
      ];
      const [upper, across] = turned(mu[0], calm[0]);
      const [lower, aside] = turned(mu[0] + mu[1], calm[0] * calm[1]);
      const bend = Math.cos(mu[1]) * calm[1];
      return {
        square: 2 + 2 * bend + x * x + y * y - 2 * (upper + lower),
        up: times(2, [across + aside, aside + Math.sin(mu[1]) * calm[1]]),
        upLog: times(2, product(squares, [-upper - lower, bend - lower])),
      };
    }
    /** The policies after each step of PRICE nats, with their mean squared distances, as long as they aim at anything. */
    walk(natural) {
      const policies = [];
      let { mu, log } = this.first;
      // A policy as wide as half a turn hardly knows any more where it points.
      while (policies.length <= STEPS && Math.max(...log) < Math.log(Math.PI)) {
        let { square, up, upLog } = this.miss({ mu, log });
        policies.push({ mu, log, square });
        const variances = log.map((l) => Math.exp(2 * l));
        if (natural) [up, upLog] = [product(up, variances), times(0.5, upLog)];
        const price = [0, 1].reduce((sum, i) => sum + up[i] ** 2 / variances[i] + 2 * upLog[i] ** 2, 0);
        const factor = Math.sqrt((2 * PRICE) / price);
        [mu, log] = [plus(mu, times(factor, up)), plus(log, times(factor, upLog))];
      }
      return policies;
    }
    view() {
      const { plane, clock, first, state } = this;
      const walks = { plain: this.walk(false), natural: this.walk(true) };
      const colors = { plain: "gradient", natural: "natural" };
      const at = (policies) => Math.min(Math.round(state.nats / PRICE), policies.length - 1);
      const links = ({ mu }, classes) => {
        const points = [[0, 0], [Math.cos(mu[0]), Math.sin(mu[0])], hand(mu)];
        return plane.line(points, classes) + points.map((point) => plane.dot(point, classes, 2.5)).join("");
      };
      let arms = links(first, "grid");
      let lines = "";
      let marks = "";
      for (const [way, policies] of Object.entries(walks)) {
        const here = policies[at(policies)];
        const spread = here.log.map(Math.exp);
        arms += plane.dots(
          noise.map((z) => hand(plus(here.mu, product(spread, z)))),
          `${colors[way]} faint`,
        );
        arms += links(here, colors[way]);
        // Below the rounding of numbers near one there is nothing to see.
        const curve = policies.map(({ square }, k) => [k * PRICE, Math.log10(Math.max(square, 1e-15))]);
        lines += clock.line(curve, colors[way]);
        marks += clock.dot(curve[at(policies)], colors[way]);
      }
      const drawing =
        plane.clip(arms) +
        plane.axes([-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2], "", "", [0, 0]) +
        clock.clip(
          clock.line(
            [
              [state.nats, -9],
              [state.nats, 2],
            ],
            "grid",
          ) +
            lines +
            marks,
        ) +
        clock.axes(range(4, 0, 2.4), [-6, -4, -2, 0], "nats spent", "log₁₀ squared distance", [1, 0]);
      const row = ([way, policies]) => {
        const { mu, log, square } = policies[at(policies)];
        return [way, swatch(colors[way], way), vector(mu), vector(log.map(Math.exp), 3), number(square, 5)];
      };
      const rows = Object.entries(walks).map(row);
      const fate = (policies) => {
        const k = policies.findIndex(({ square }) => square < NEAR);
        if (k >= 0) return `after ${number(k * PRICE)}`;
        return policies.length > STEPS
          ? `not within ${number(PRICE * STEPS, 1)}`
          : `too wide at ${number(policies.length * PRICE)}`;
      };
      return {
        drawing,
        head: ["", "means", "spreads", "distance²"],
        rows,
        message: `By exact gradients below ${NEAR}: natural ${fate(walks.natural)} nats, plain ${fate(walks.plain)}.`,
        said: `After ${number(state.nats)} nats the squared distance is ${rows[1][4]} by natural steps, ${rows[0][4]} by plain ones.`,
      };
    }
  },
);

import { Figure, number, Plane, range, swatch } from "../figure.js";

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
      return [{ name: "terms", label: "Terms", values: range(39, 1, 40) }];
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
      let message = "Between the walls, <i>θ</i> ≤ 2<i>θ</i>₀ and 1 − <i>θ</i> ≤ 2(1 − <i>θ</i>₀), the sums converge.";
      if (side) message = `Behind the wall, ${side}: the sums run away, up and down by turns.`;
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

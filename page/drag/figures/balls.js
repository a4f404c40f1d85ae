import {
  cross,
  dot,
  elliptic,
  Figure,
  inverse,
  isZero,
  number,
  Plane,
  plus,
  pNorm,
  range,
  swatch,
  times,
  vector,
} from "../figure.js";

// Section 7.1: four balls. Three are also spectral, those of the matrices that two weights x and y make in these ways.
const matrices = {
  circle: ([x, y]) => [
    [x, y],
    [-y, x],
  ],
  diamond: ([x, y]) => [
    [x, y],
    [y, x],
  ],
  square: ([x, y]) => [
    [x, 0],
    [0, y],
  ],
};
const shown = {
  circle: "((<i>x</i>, <i>y</i>), (−<i>y</i>, <i>x</i>))",
  diamond: "((<i>x</i>, <i>y</i>), (<i>y</i>, <i>x</i>))",
  square: "((<i>x</i>, 0), (0, <i>y</i>))",
};

customElements.define(
  "natgrad-balls",
  class extends Figure {
    description = "A gradient, the ball of a norm, and the step where it touches the highest contour";
    start({ size, extent, metric: [[f, g], [, h]], gradient }) {
      this.plane = Plane.equal([0, 0, ...size], extent);
      const triangle = [
        [Math.sqrt(f), g / Math.sqrt(f)],
        [0, Math.sqrt(h - (g * g) / f)],
      ];
      this.norms = {
        circle: pNorm(2),
        diamond: pNorm(1),
        square: pNorm(Infinity),
        ellipse: elliptic(inverse(triangle)),
      };
      this.state = { gradient, ball: "circle" };
    }
    controls() {
      return [
        { name: "ball", label: "Ball", options: Object.fromEntries(Object.keys(this.norms).map((key) => [key, key])) },
      ];
    }
    handles() {
      return [this.tip("gradient", "Tip of the gradient", "gradient")];
    }
    view() {
      const {
        plane,
        state: { gradient, ball },
      } = this;
      const norm = this.norms[ball];
      const head = ["", "vector", "slope"];
      const names = [
        swatch("gradient", "along <i>g</i>"),
        swatch("natural", "best <i>u</i>"),
        swatch("ball", "matrix of <i>u</i>"),
      ];
      const under = plane.cross() + plane.line(norm.ball, "ball area");
      if (isZero(gradient))
        return {
          drawing: under,
          head,
          rows: ["gradient", "best", "spectral"].map((row, i) => [row, names[i], "–", "–"]),
          message: "<i>g</i> = 0: no step is better than another.",
        };
      const best = norm.best(gradient);
      const slope = dot(gradient, best[0]);
      const along = times(1 / norm.length(gradient), gradient);
      const turn = cross(gradient, best.at(-1)) < 0 ? -1 : 1; // each label on its own side
      const drawing =
        plane.contours(
          gradient,
          range(8, -2, 2).map((level) => level * slope),
          "grid",
        ) +
        under +
        plane.contours(gradient, [slope], "muted dashed") +
        plane.arrow([0, 0], gradient, "gradient") +
        plane.dot(along, "gradient") +
        (best.length > 1 ? plane.line(best, "natural thick") : "") +
        best.map((step) => plane.arrow([0, 0], step, "natural")).join("") +
        plane.label([0, 0], gradient, "<i>g</i>", "gradient", 20 * turn, 2) +
        (best.length > 1 ? "" : plane.label([0, 0], best[0], "<i>u</i>", "natural", -8 * turn));
      // Of a side, its middle.
      const step = times(0.5, plus(best[0], best.at(-1)));
      const matrix = matrices[ball]?.(step);
      const rows = [
        ["gradient", names[0], vector(along), number(dot(gradient, along))],
        ["best", names[1], best.map((one) => vector(one)).join(" to "), number(slope)],
        ["spectral", names[2], matrix ? `(${matrix.map((row) => vector(row)).join(", ")})` : "–", ""],
      ];
      const spectral = matrix
        ? `As the matrix ${shown[ball]}, (<i>x</i>, <i>y</i>) is measured by the spectral norm.`
        : "The ball of a matrix: <i>u</i> is <i>G</i>⁻¹<i>g</i>, made one long.";
      const message = best.length > 1 ? `${spectral} A side is best: <i>u</i> isn't unique.` : spectral;
      return { drawing, head, rows, message, said: `Best step ${rows[1][2]}, slope ${rows[1][3]}.` };
    }
  },
);

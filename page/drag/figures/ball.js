import {
  apply,
  cross,
  dot,
  elliptic,
  Figure,
  inverse,
  isZero,
  number,
  Plane,
  pNorm,
  range,
  swatch,
  times,
  vector,
} from "../figure.js";

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
    /** In the corner behind ∇f, where nothing else comes to. */
    nameOfTheBall(norm, gradient) {
      const [right, up] = gradient.map((x) => (x < 0 ? 1 : 0));
      const way = [2 * right - 1, 2 * up - 1];
      const corner = [this.plane.x[right], this.plane.y[up]];
      const leader = [1.08 / norm.length(way), this.plane.y[1] - 0.6].map((length) => times(length, way));
      const place = [[-4 * way[0], up ? 16 : -7], right ? "end" : "start"];
      return this.plane.line(leader, "ball fine") + this.plane.text(corner, "steps of length one", "ball", ...place);
    }
    /** In the corner between what lies ahead of the step and the contour, as near to its tip as the text has room. */
    nameOfTheStep(step, gradient, turn) {
      const [ahead, up] = [this.norms[this.state.norm].natural ? step : gradient, gradient].map((v) =>
        times(1 / Math.hypot(...v), v),
      );
      const walls = [times(turn, [-ahead[1], ahead[0]]), up];
      const room = walls.map(([x, y], i) => Math.abs(x) * 15 + Math.abs(y) * 6 + [10, 6][i]);
      const away = apply(inverse(walls), room);
      return this.plane.text(step, "best", "natural", [away[0], 4.5 - away[1]]);
    }
    controls() {
      const options = Object.fromEntries(Object.keys(this.norms).map((name) => [name, name]));
      return [{ name: "norm", label: "Norm", options }];
    }
    handles() {
      return [this.tip("gradient", "Tip of the gradient", "gradient")];
    }
    view() {
      const {
        plane,
        state: { gradient, norm: name },
      } = this;
      const norm = this.norms[name];
      const head = ["", "vector", "slope"];
      const none = ["–", "–"];
      const names = [
        swatch("gradient", "∇<i>f</i>"),
        swatch("natural dotted", "Σ∇<i>f</i>"),
        swatch("natural", "best, ‖<i>u</i>‖ = 1"),
      ];
      let drawing = plane.cross() + plane.line(norm.ball, "ball area") + this.nameOfTheBall(norm, gradient);
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
      const invited = String(gradient) === String(this.beginning.gradient);
      drawing += plane.label([0, 0], gradient, `${invited ? "drag " : ""}∇<i>f</i>`, "gradient", 20 * turn, 2);
      if (best.length === 1) drawing += this.nameOfTheStep(best[0], gradient, turn);
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

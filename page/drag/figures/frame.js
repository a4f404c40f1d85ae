import {
  apply,
  circle,
  cross,
  determinant,
  dot,
  elliptic,
  Figure,
  isZero,
  number,
  Plane,
  product,
  range,
  swatch,
  times,
  transpose,
  vector,
} from "../figure.js";

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
      return [
        this.tip("gradient", "Tip of the gradient", "gradient"),
        this.tip("first", "Tip of the first column of M", "accent", "first column"),
        this.tip("second", "Tip of the second column of M", "accent", "second column"),
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
      // M∇f has its label on its own side; MMᵀ∇f on the other, unless ∇f is there.
      const side = angle > 0 ? -1 : 1;
      const together = cross(natural, gradient) * side > 0;
      const [left, right] = together ? [4 * side, 26 * side] : [-14 * side, 14 * side];
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
        plane.label([0, 0], unit(direct), "<i>M</i>∇<i>f</i>", "wrong", right, together ? 6 : 16) +
        plane.label([0, 0], best, "<i>MM</i>ᵀ∇<i>f</i>", "natural", left, together ? 24 : 16);
      const rows = vectors.map((row, i) => [...row, number(slopes[i]), `${number((100 * slopes[i]) / steepest, 1)} %`]);
      let message = `<i>M</i>∇<i>f</i> points ${number(Math.abs(angle), 1)}° away from <i>MM</i>ᵀ∇<i>f</i>.`;
      if (Math.abs(angle) < 0.05)
        message = "<i>M</i>∇<i>f</i> and <i>MM</i>ᵀ∇<i>f</i> are parallel: ∇<i>f</i> is an eigenvector of <i>M</i>ᵀ.";
      else if (slopes[1] < 1e-9) message = `${message} It does not even lead uphill.`;
      return { drawing, head, rows: [...rows, sigma], message, said: `M∇f climbs ${rows[1][4]} of what MMᵀ∇f climbs.` };
    }
  },
);

import {
  apply,
  Figure,
  inverse,
  isZero,
  number,
  Plane,
  plus,
  range,
  swatch,
  times,
  transpose,
  vector,
} from "../figure.js";

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

export const steps = { vector: 0.25 };
/** The blue line is moved in the coordinates of the frame. */
export const goal = (name, [x, y], { frame }) => {
  const [[a, b], [c, d]] = frame;
  return name === "vector" ? [x, y] : [(d * x - b * y) / (a * d - b * c), (a * y - c * x) / (a * d - b * c)];
};
export const drags = [
  ["vector", 2.5, 3.25],
  ["coordinates", -6, -5.5],
  ["vector", 5, -4],
];
export const keys = [
  ["vector", "ArrowUp Shift+ArrowRight"],
  ["coordinates", "ArrowRight ArrowUp Shift+ArrowDown"],
];
export const places = [
  ["no line", { vector: [0, 0] }],
  ["no coordinates", { coordinates: [0, 0] }],
];

export const drags = [
  ["gradient", 1.3, -1.1],
  ["gradient", -2.5, -3.4],
  ["gradient", 1.2, 1.5],
  ["gradient", 2, -1],
];
export const keys = [
  ["gradient", "ArrowUp ArrowUp Shift+ArrowLeft"],
  ["norm", "ArrowRight"],
  ["norm", "ArrowRight"],
  ["norm", "ArrowRight"],
  ["norm", "ArrowRight"],
  ["gradient", "Home ArrowUp"],
];
export const places = [
  ["nowhere", { gradient: [0, 0] }],
  ["a side of the square", { gradient: [0, 3] }, "max"],
  ["another", { gradient: [-1, 0] }, "max"],
  ["a side of the diamond", { gradient: [2, -2] }, "1-norm"],
  ["no side", { gradient: [2, -2] }, "max"],
  ["an axis", { gradient: [0, -2] }, "1-norm"],
  ["an axis", { gradient: [0, -2] }, "4-norm"],
];

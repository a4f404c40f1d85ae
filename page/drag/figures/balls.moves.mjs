export const drags = [
  ["gradient", -0.8, 0.9],
  ["gradient", -2.3, -3],
  ["gradient", 1.7, 1.6],
];
export const keys = [
  ["gradient", "ArrowUp ArrowUp Shift+ArrowLeft"],
  ["ball", "ArrowRight"],
  ["ball", "ArrowRight"],
  ["gradient", "ArrowDown Shift+ArrowRight"],
  ["ball", "ArrowRight"],
  ["gradient", "Home ArrowUp"],
];
export const places = [
  ["nowhere", { gradient: [0, 0] }],
  ["a side of the square", { gradient: [0, 2] }, "square"],
  ["a side of the diamond", { gradient: [1.5, -1.5] }, "diamond"],
  ["a corner of the square", { gradient: [1.5, -1.5] }, "square"],
  ["an axis", { gradient: [-1, 0] }, "ellipse"],
  ["as it was", { gradient: [2, 1] }, "circle"],
];

// The densities come first. Arrows are drawn at 0.4 of their length.
export const axes = { tau: 1, sigma: 2 };
export const shrink = 0.4;
export const drags = [
  ["tau", -0.6, 0.1],
  ["sigma", 0.2, 1.1],
  ["tau", -0.2, -0.55],
];
export const keys = [
  ["tau", "ArrowUp Shift+ArrowRight"],
  ["sigma", "ArrowLeft ArrowDown"],
  ["price", "ArrowRight"],
  ["price", "Home"],
];
export const places = [
  ["nowhere", { tau: [0, 0] }],
  ["down", { tau: [0, -1] }],
  ["aside", { tau: [1, 0] }],
];

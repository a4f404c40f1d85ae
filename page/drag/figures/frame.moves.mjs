export const drags = [
  ["first", -1.4, 0.7],
  ["second", -1.2, 0.3],
  ["gradient", -4.5, -1.3],
  ["gradient", 2.3, -3.2],
];
export const keys = [
  ["first", "ArrowUp Shift+ArrowRight"],
  ["second", "Shift+ArrowLeft ArrowDown ArrowDown"],
  ["gradient", "PageUp"],
];
export const places = [
  ["the note's example", { gradient: [0, 3] }],
  ["a singular frame", { first: [-1, -2], second: [1, 2] }],
  ["no frame", { first: [0, 0] }],
  ["a quarter turn", { first: [0, 2], second: [-2, 0] }],
  ["nowhere", { gradient: [0, 0] }],
];

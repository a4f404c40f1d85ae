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

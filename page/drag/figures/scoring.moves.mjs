export const steps = { start: [0.1, 1] };
export const drags = [
  ["start", 1, 15],
  ["start", -0.8, 12],
  ["start", 1.4, -20],
];
export const keys = [
  ["start", "ArrowUp ArrowUp Shift+ArrowRight PageDown"],
  ["step", "ArrowRight ArrowRight"],
  ["matrix", "ArrowRight"],
  ["start", "ArrowLeft Shift+ArrowUp"],
  ["step", "End"],
];
export const places = [
  ["by scoring", { start: [0, 0] }, "true"],
  ["above", { start: [2, 46] }, "true"],
  ["by the empirical matrix", { start: [0, 0] }, "empirical"],
];

export const steps = { theta0: 0.01, theta: 0.01 };
export const drags = [
  ["theta", -0.15, 0],
  ["theta0", -0.27, 0],
  ["theta", 0.61, 0],
  ["theta0", 0.2, 0],
];
export const keys = [
  ["theta", "ArrowLeft Shift+ArrowDown"],
  ["theta0", "ArrowRight PageUp"],
  ["terms", "End"],
  ["theta", "End"],
  ["terms", "Home"],
];
export const places = [
  ["the same coin", { theta: [0.6] }],
  ["the wall", { theta: [0.2] }],
  ["behind it", { theta: [0.19] }],
  ["the other wall", { theta0: [0.3], theta: [0.6] }],
];

export const steps = { start: 0.05 };
export const keeps = { letters: "start" }; // the same Gaussian, and as many nats
export const drags = [
  ["start", 1.5, 2],
  ["start", -0.8, 1.3],
  ["start", 1.6, -2.5],
];
export const keys = [
  ["start", "ArrowUp ArrowUp Shift+ArrowRight PageDown"],
  ["letters", "ArrowRight"],
  ["start", "ArrowLeft Shift+ArrowUp"],
  ["plain", "Home"],
  ["letters", "ArrowRight"],
  ["natural", "ArrowLeft ArrowLeft"],
  ["start", "Home"],
  ["plain", "End"],
];
export const places = [
  ["far above", { start: [-0.8, 5] }],
  ["wide", { start: [2, 1.6] }, "sigma"],
  ["narrow", { start: [0.5, -0.8] }, "log"],
  ["near the fit", { start: [1, 4.25] }, "tau"],
];

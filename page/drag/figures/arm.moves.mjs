export const steps = { target: 0.05 };
export const drags = [
  ["target", 1.1, -0.6],
  ["target", -0.9, -1.3],
  ["target", -0.6, 1.1],
];
export const keys = [
  ["target", "ArrowUp ArrowUp Shift+ArrowRight PageDown"],
  ["nats", "ArrowRight ArrowRight"],
  ["target", "ArrowLeft Shift+ArrowUp"],
  ["nats", "End"],
  ["target", "Home"],
  ["nats", "Home"],
];
export const places = [
  ["beside the start", { target: [1.5, 1] }],
  ["where plain steps are ahead", { target: [1, 1] }],
  ["behind", { target: [-1.2, -1.2] }],
  ["from where the policy becomes wide", { target: [-1.1, -0.75] }],
  ["the shoulder", { target: [0, 0] }],
];

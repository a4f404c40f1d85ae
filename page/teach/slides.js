// Makes slides of the sections of the page. S opens the window with the notes; with ?print-pdf it is the deck on paper.

import Reveal from "reveal.js";
import Notes from "reveal.js/plugin/notes";

const slides = document.querySelector(".slides");
const title = slides.querySelector("section");
slides.append(...title.querySelectorAll(":scope > section"));
document.querySelector(".deck").classList.add("reveal");
/** An equation that is too wide for its slide is set smaller, which can be measured only when it is shown. */
function fit(shown) {
  const equations = shown.flatMap((slide) => [...slide.querySelectorAll(".borrowed > .math")]);
  for (const equation of equations) equation.style.fontSize = "";
  // All are measured before one is changed, so that the browser lays them out once.
  const widths = equations.map((equation) => {
    const extent = document.createRange();
    extent.selectNodeContents(equation.querySelector(".katex-html"));
    return extent.getBoundingClientRect().width / Reveal.getScale();
  });
  const room = 1130; // of 1280, beside the number
  for (const [k, wide] of widths.entries()) {
    if (wide > room) equations[k].style.fontSize = `${((1.15 * room) / wide).toFixed(3)}em`;
  }
}
/** On a phone one scrolls, and parts of the slides before and after are seen. */
function fitAround() {
  const all = Reveal.getSlides();
  const here = all.indexOf(Reveal.getCurrentSlide());
  fit(all.slice(Math.max(0, here - 1), here + 2));
}
Reveal.on("ready", async () => {
  fitAround();
  for (const slide of document.querySelectorAll(".scroll-page-content")) {
    await new Promise((next) => setTimeout(next));
    slide.style.contentVisibility = "visible";
    slide.getBoundingClientRect();
  }
  document.documentElement.dataset.laidOut = "";
});
Reveal.on("slidechanged", fitAround);
Reveal.on("pdf-ready", () => fit(Reveal.getSlides()));
document.fonts.addEventListener("loadingdone", () => {
  if (Reveal.isReady() && !Reveal.isPrintView()) fitAround();
});
Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0.04,
  center: false,
  hash: true,
  slideNumber: "c/t",
  transition: "none",
  // The keys are a figure's, or an editor's, while it has the focus.
  keyboardCondition: () => !document.activeElement?.closest(".natgrad-figure, .cell"),
  plugins: [Notes],
});

// Makes slides of the sections of the page. S opens the window with the notes; with ?print-pdf it is the deck on paper.

import Reveal from "reveal.js";
import Notes from "reveal.js/plugin/notes";

const slides = document.querySelector(".slides");
const title = slides.querySelector("section");
slides.append(...title.querySelectorAll(":scope > section"));
document.querySelector(".deck").classList.add("reveal");
/** An equation that is too wide for its slide is set smaller, which can be measured only when it is shown. */
function fit() {
  for (const equation of document.querySelectorAll(".borrowed > .math")) {
    equation.style.fontSize = "";
    const extent = document.createRange();
    extent.selectNodeContents(equation.querySelector(".katex-html"));
    const wide = extent.getBoundingClientRect().width / Reveal.getScale();
    const room = 1130; // of 1280, beside the number
    if (wide > room) equation.style.fontSize = `${((1.15 * room) / wide).toFixed(3)}em`;
  }
}
Reveal.on("ready", fit);
Reveal.on("slidechanged", fit);
Reveal.on("pdf-ready", fit);
document.fonts.addEventListener("loadingdone", fit);
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

// What is too wide scrolls inside itself; while it is, the keyboard can reach it.

const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
const wide = "div.math, div.cell_output .output, div.highlight pre, .pst-scrollable-table-container";
document.querySelectorAll(`.bd-article :is(${wide})`).forEach((box) => watcher.observe(box));

// What the theme writes into the button itself, which a server's policy may forbid.
document.querySelector(".btn-download-pdf-button")?.addEventListener("click", () => print());

// What the pages do better with a script: sliders, copying, and saying that nobody answers.
// Without it every page works; see docs/console.md.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  // A slider moves by factors: its positions stand for logarithms.
  const slides = (slider) => document.getElementById(slider.dataset.slides);
  const valueAt = (slider, position) => {
    const { least, most } = slider.dataset;
    const value = least * Math.pow(most / least, position / slider.max);
    const step = Math.pow(10, Math.max(0, Math.floor(Math.log10(value)) - 1));
    return Math.round(value / step) * step;
  };
  const positionOf = (slider, value) => {
    const { least, most } = slider.dataset;
    const bounded = Math.min(most, Math.max(least, value));
    return (slider.max * Math.log(bounded / least)) / Math.log(most / least);
  };
  const place = (slider) => {
    const value = Number(slides(slider).value) || Number(slider.dataset.value) || Number(slider.dataset.least);
    slider.value = positionOf(slider, value);
    slider.setAttribute("aria-valuetext", `${value} ms`);
  };
  const sliders = () => document.querySelectorAll("[data-slides]");
  sliders().forEach(place);
  document.addEventListener("input", (event) => {
    const slider = event.target;
    if (slider.dataset.slides) {
      const value = valueAt(slider, slider.value);
      slides(slider).value = value;
      slider.setAttribute("aria-valuetext", `${value} ms`);
    } else {
      sliders().forEach((it) => slides(it) === slider && place(it));
    }
  }, true);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent;
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      button.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => { button.textContent = said; }, 2000);
  });

  const unreachable = (is) => { document.getElementById("unreachable").hidden = !is; };
  document.addEventListener("htmx:sendError", () => unreachable(true));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) unreachable(false);
  });
})();

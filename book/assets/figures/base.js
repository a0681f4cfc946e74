// What figures that answer when touched share. A notebook writes the element (study/live.py),
//
//   <div class="dcrw-live" data-kind="dial"><script type="application/json" class="state">{...}</script></div>
//
// and figures/<kind>.js says how it is shown: dcrwFigures.register("dial", (root, state) => {...}).
// Plain scripts: a browser takes no modules from a folder without a server.
window.dcrwFigures = (() => {
  "use strict";
  let names = 0;

  /** An element with properties, attributes (under `attributes`) and children. */
  function h(tag, { attributes = {}, ...properties } = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** The same in SVG; all properties are attributes. */
  function s(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** A labelled range input. `say` puts a value into words, which stand beside it and are read
   * out; `marks` are values with a tick. Returns the element, and `set` to move it from outside. */
  function slider({ label, min, max, step = 1, value, say = String, marks = [] }, moved) {
    const id = `dcrw-slider-${(names += 1)}`;
    const input = h("input", { type: "range", id, min, max, step, attributes: { list: `${id}-marks` } });
    input.value = value;
    const words = h("output", { attributes: { for: id } });
    const list = h("datalist", { id: `${id}-marks` }, ...marks.map((mark) => h("option", { value: mark })));
    const show = () => {
      words.textContent = say(Number(input.value));
      input.setAttribute("aria-valuetext", words.textContent);
    };
    input.addEventListener("input", () => {
      show();
      moved(Number(input.value));
    });
    show();
    const line = h("div", { className: "control" }, h("label", { htmlFor: id }, label), input, words, list);
    const set = (next) => {
      input.value = next;
      show();
    };
    return { element: line, input, set };
  }

  /** Radio buttons: `options` is a list of [value, words]. */
  function choice({ label, options, value }, chosen) {
    const name = `dcrw-choice-${(names += 1)}`;
    const buttons = options.map(([key, words]) => {
      const input = h("input", { type: "radio", name, value: key, checked: key === value });
      input.addEventListener("change", () => chosen(key));
      return h("label", {}, input, ` ${words}`);
    });
    return h("fieldset", { className: "choice" }, h("legend", {}, label), ...buttons);
  }

  /** Sheets of small pictures, side by side in one image of `count` steps (study/live.py, `film`).
   * Returns the element, and `show` for a step from 0. */
  function film({ source, count = 1, rows, columns, name }) {
    const element = h("div", { className: "film", attributes: { role: "img", "aria-label": name } });
    element.style.aspectRatio = `${columns} / ${rows}`;
    element.style.backgroundImage = `url("${source}")`;
    element.style.backgroundSize = `${100 * count}% 100%`;
    const show = (step) => {
      element.style.backgroundPosition = `${count > 1 ? (100 * step) / (count - 1) : 0}% 0`;
      element.dataset.step = step;
    };
    show(0);
    return { element, show };
  }

  const linear = (low, high, from, to) => (v) => from + ((v - low) / (high - low)) * (to - from);
  const logarithmic = (low, high, from, to) => {
    const place = linear(Math.log(low), Math.log(high), from, to);
    return (v) => place(Math.log(v));
  };
  const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

  /** A number in words: digits after the point, and a true minus sign. */
  const say = (value, digits = 1) =>
    value === null ? "not known" : value.toLocaleString("en", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    }).replace("-", "−");

  /** Words in which Lx and Lz, or L_x and L_z, have their subscripts, as nodes. */
  const math = (words) => words.split(/\b(L_?[xz])\b/).map((part) =>
    (/^L_?[xz]$/.test(part) ? h("span", {}, h("i", {}, "L"), h("sub", {}, part.at(-1))) : part));

  /** Whether the reader wants little motion. */
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Hide what the cell shows after the figure: its still, which print brings back. */
  function hideStill(element) {
    let output = element.closest(".cell_output > *");
    while ((output = output?.nextElementSibling)) output.classList.add("dcrw-still");
  }

  /** Show every figure of a kind. A broken one says so and leaves its still. */
  function register(kind, show) {
    for (const element of document.querySelectorAll(`.dcrw-live[data-kind="${kind}"]`)) {
      const root = h("div", { className: "live" });
      try {
        show(root, JSON.parse(element.querySelector("script.state").textContent));
        element.append(root);
        element.classList.add("shown");
        hideStill(element);
      } catch (error) {
        element.append(`This figure cannot be shown: ${error.message}`);
        console.error(error);
      }
    }
  }

  return { h, s, slider, choice, film, linear, logarithmic, path, say, math, calm, register };
})();

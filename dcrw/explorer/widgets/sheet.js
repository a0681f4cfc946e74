/** The contact sheet. */

import { grey, rasterCanvas } from "./pictures.js";
import { h } from "./controls.js";

/** The digits to choose from: one list box, one picture each. */
export class Sheet {
  constructor(pick) {
    this.pick = pick;
    this.shown = "";
    this.element = h("div", {
      class: "dx-sheet", role: "listbox", tabindex: 0,
      keydown: (event) => this.press(event),
      pointerdown: (event) => {
        const option = event.target.closest("[role=option]");
        if (!option) return;
        event.preventDefault(); // the keys then go on moving through the steps
        pick(Number(option.dataset.digit), true);
      },
    });
  }

  forget() {
    this.shown = "";
  }

  nameOf(digit) {
    return this.names[digit];
  }

  update(store, state) {
    this.digit = state.digit;
    const source = state.models[0];
    const drawn = ["generate", "interpolate"].includes(state.mode);
    const key = drawn ? `${state.mode}/${source}` : state.mode;
    if (key !== this.shown) this.fill(store, state.mode, source);
    this.shown = key;
    [...this.element.children].forEach((option, i) =>
      option.setAttribute("aria-selected", String(i === state.digit)));
    this.element.setAttribute("aria-activedescendant", this.element.children[state.digit].id);
    this.element.hidden = store.count(state.mode) < 2;
  }

  fill(store, mode, source) {
    const { catalogue } = store;
    const count = store.count(mode);
    this.names = Array.from({ length: count }, (_, i) => digitName(catalogue, mode, i));
    const titles = { generate: "Samples from the prior", interpolate: "Blends" };
    this.element.setAttribute("aria-label", titles[mode] ?? "Test digits");
    this.element.replaceChildren(...this.names.map((name, i) => {
      const values = store.image(mode, i) ?? store.drawing(source, mode, i).steps.at(-1).shown;
      const raster = { columns: store.pixels, rows: store.pixels, rgba: grey(values) };
      const picture = rasterCanvas(raster);
      picture.setAttribute("aria-hidden", "true");
      return h("div", {
        role: "option", id: `dcrw-option-${options++}`, "aria-label": name, title: name,
        "data-digit": i,
      }, picture);
    }));
  }

  press(event) {
    const options = [...this.element.children];
    const across = options.filter((option) => option.offsetTop === options[0].offsetTop).length;
    const to = {
      ArrowLeft: this.digit - 1, ArrowRight: this.digit + 1, ArrowUp: this.digit - across,
      ArrowDown: this.digit + across, Home: 0, End: options.length - 1,
    }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to < options.length) this.pick(to, false);
  }
}

let options = 0; // for unique ids

function digitName({ labels, pairs, columns }, mode, i) {
  if (mode === "sketch") return "Your drawing";
  if (mode === "generate") return `Sample ${i + 1}`;
  if (mode === "reconstruct") return `${/^\d?$/.test(labels[i]) ? "Digit" : "Class"} ${labels[i]}, number ${i + 1}`;
  const [from, to] = pairs[Math.floor(i / columns)].map((index) => labels[index]);
  return `From ${from} to ${to}, ${i % columns} of ${columns - 1} parts`;
}

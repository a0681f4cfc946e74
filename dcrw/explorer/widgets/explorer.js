/**
 * The explorer's view: controls, contact sheet and panels over the widget's traits.
 *
 * All state is in the traits (`mode`, `digit`, `step`, `models`, ...), so that other widgets can be
 * linked to it. What is hovered or inspected belongs to one view alone.
 */

import { Store } from "./rebuild.js";
import { THEMES, drawingsOf, panels, topsOf } from "./pictures.js";
import { button, choice, h, list, several } from "./controls.js";
import { composeSvg, download, toPng } from "./export.js";
import { liveSection } from "./live.js";
import { DIFFERENCES, LINK, MODES, TOGGLES, fromFragment, toFragment } from "./links.js";
import { Sheet } from "./sheet.js";
import { Card, windowLines } from "./cards.js";

const NOTES = {
  sketch: "What the models read of your drawing, and what they write.",
  reconstruct: "A test digit is read and drawn again.",
  generate:
    "Latents come from the prior. No encoder takes part, so nothing is read and there are no losses.",
  interpolate:
    "Ten pictures from one test digit to another: latents on a straight line between theirs, " +
    "decoded. Nothing is read.",
};
const PACE = { reduced: 1200, normal: 600 }; // milliseconds a step, by how much motion is wanted

// ---- state -----------------------------------------------------------------------------------

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The traits as they can be shown: whatever is out of range or unknown is brought back. */
function readState(model, store) {
  const { catalogue } = store;
  const names = catalogue.models.map((entry) => entry.name);
  const known = model.get("models").filter((name) => names.includes(name));
  const modes = MODES.map(([mode]) => mode).filter((mode) => store.count(mode));
  const mode = modes.includes(model.get("mode")) ? model.get("mode") : modes[0];
  return {
    mode,
    digit: clamp(model.get("digit"), 0, store.count(mode) - 1),
    step: clamp(model.get("step"), 1, catalogue.steps),
    models: names.filter((name) => (known.length ? known : names.slice(0, 1)).includes(name)),
    windows: model.get("windows"),
    centres: model.get("centres"),
    error: model.get("error"),
    difference: model.get("difference"),
    playing: model.get("playing"),
  };
}

/** What the choices are made from: only when it changes are they built anew, and lose the focus. */
const choicesOf = (store) =>
  JSON.stringify([
    store.catalogue.models.map(({ name, title }) => [name, title]),
    MODES.filter(([mode]) => store.count(mode)),
  ]);

/** Set traits, here and in the kernel if there is one. */
function change(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

// ---- the view --------------------------------------------------------------------------------

class View {
  constructor(model, element) {
    this.model = model;
    this.hover = null;
    this.cards = new Map();
    this.root = h("section", {
      class: "dcrw-explorer", "aria-label": "Explorer of drawings",
      "data-lm-suppress-shortcuts": "true", // JupyterLab's keys are not meant here
      keydown: (event) => this.press(event),
    });
    this.build();
    element.append(this.root);
    this.stop = [this.follow(), this.followTheme(), this.followWidth(), this.followAddress()];
    this.load();
  }

  remove() {
    this.stop.forEach((stop) => stop());
    this.live?.stop();
  }

  // -- parts

  build() {
    this.play = button("", { class: "dx-play" }, () => this.toggle());
    this.slider = h("input", {
      type: "range", min: 1, "aria-label": "Drawing step",
      input: () => this.set({ step: Number(this.slider.value), playing: false }),
    });
    this.position = h("span", { class: "dx-position" }); // spoken by the slider
    const step = (text, label, by) =>
      button(text, { class: "dx-icon", "aria-label": label, title: label }, () => this.move(by));
    const playback = h("div", { class: "dx-playback", role: "group", "aria-label": "Playback" },
      this.play, step("‹", "Step back", -1), step("›", "Step forward", 1), this.slider,
      this.position);
    const difference = this.setter("difference");
    this.difference = list("Difference", "Show the canvas minus", DIFFERENCES, difference);
    this.toggles = several("Show", TOGGLES, (values) => this.set(
      Object.fromEntries(TOGGLES.map(([name]) => [name, values.includes(name)]))), "dx-toggles");
    this.choices = h("div", { class: "dx-choices" });
    this.note = h("p", { class: "dx-note" });
    this.sheet = new Sheet((digit, byPointer) => {
      this.set({ digit });
      if (byPointer) this.focusStage();
    });
    this.stage = h("div", { class: "dx-stage" });
    this.readout = h("p", { class: "dx-readout" });
    this.status = h("div", { class: "dx-unseen", role: "status", "aria-live": "polite" });
    const actions = this.actions();
    this.live = liveSection(this.model, this);
    if (this.live) actions.insertBefore(this.live.gif, this.address);
    this.root.append(...(this.live ? [this.live.element] : []), this.choices, this.sheet.element,
      playback, this.stage, this.readout, actions, keysHelp(), this.status);
  }

  /** What depends on which models and modes there are. */
  buildChoices() {
    const modes = MODES.filter(([mode]) => this.store.count(mode));
    this.modes = choice("Mode", modes, this.setter("mode"));
    const models = this.store.catalogue.models.map(({ name, title }) => [name, title]);
    this.modelBoxes = several("Models", models, this.setter("models"), "dx-models");
    this.choices.replaceChildren(this.modes.element, this.note, this.modelBoxes.element,
      this.toggles.element, this.difference.element);
  }

  actions() {
    this.address = h("input", {
      type: "text", readonly: true, hidden: true, class: "dx-address",
      "aria-label": "Link to this view", focus: () => this.address.select(),
    });
    return h("div", { class: "dx-actions", role: "group", "aria-label": "Share and save" },
      button("Link to this view", {}, () => this.link()),
      button("Save as PNG", {}, () => this.save("png")),
      button("Save as SVG", {}, () => this.save("svg")), this.address);
  }

  /** The view at a step (default: the present one) as SVG. */
  picture(step = this.state.step) {
    const state = { ...this.state, step };
    const title = `Step ${step} of ${this.slider.max}. ${this.sheet.nameOf(state.digit)}`;
    return composeSvg(this.store, state, this.theme(), title, windowLines);
  }

  /** All steps of the view as PNGs. */
  frames() {
    const steps = Array.from({ length: this.store.catalogue.steps }, (_, t) => t + 1);
    const bytes = async (step) => (await toPng(this.picture(step), 1)).arrayBuffer();
    return Promise.all(steps.map(bytes));
  }

  fileName(kind) {
    const { mode, digit, step } = this.state;
    return `dcrw-${mode}-${digit + 1}${kind === "gif" ? "" : `-step-${step}`}.${kind}`;
  }

  async save(kind) {
    const svg = this.picture();
    const blob = kind === "png" ? await toPng(svg, 2) : new Blob([svg], { type: "image/svg+xml" });
    download(blob, this.fileName(kind));
  }

  // -- state

  set(values) {
    change(this.model, values);
  }

  /** What sets one trait. */
  setter(name) {
    return (value) => this.set({ [name]: value });
  }

  move(by) {
    this.goTo(this.state.step + by);
  }

  goTo(step) {
    this.set({ step: clamp(step, 1, this.store.catalogue.steps), playing: false });
  }

  toggle() {
    const { playing, step } = this.state;
    const ended = step === this.store.catalogue.steps;
    this.set(!playing && ended ? { step: 1, playing: true } : { playing: !playing });
  }

  /** Redraw once after any number of changes. */
  follow() {
    let due = false;
    const later = () => {
      if (due) return;
      due = true;
      queueMicrotask(() => {
        due = false;
        this.update();
      });
    };
    const reload = () => this.load();
    const names = ["mode", "digit", "step", "models", "windows", "centres", "error", "difference",
      "playing"];
    names.forEach((name) => this.model.on(`change:${name}`, later));
    this.model.on("change:block", reload);
    return () => {
      names.forEach((name) => this.model.off(`change:${name}`, later));
      this.model.off("change:block", reload);
    };
  }

  load() {
    const before = this.store && choicesOf(this.store);
    this.store = new Store(this.model.get("catalogue"), this.model.get("block"));
    if (before !== choicesOf(this.store)) this.buildChoices();
    this.sheet.forget();
    this.root.dataset.theme = themeName();
    this.update();
  }

  update() {
    const before = this.state;
    this.state = readState(this.model, this.store);
    const { state } = this;
    this.modes.update(state.mode);
    this.modelBoxes.update(state.models, true);
    this.toggles.update(TOGGLES.map(([name]) => name).filter((name) => state[name]));
    this.difference.update(state.difference);
    this.slider.max = this.store.catalogue.steps;
    this.slider.value = state.step;
    this.slider.setAttribute("aria-valuetext", `step ${state.step} of ${this.slider.max}`);
    this.position.textContent = `t = ${state.step} of ${this.slider.max}`;
    this.play.textContent = state.playing ? "Pause" : "Play";
    this.note.textContent = NOTES[state.mode];
    this.sheet.update(this.store, state);
    this.draw();
    if (location.hash.startsWith(LINK) && !state.playing) this.showAddress();
    if (before && JSON.stringify(before) !== JSON.stringify(state)) this.announce(before.playing);
  }

  // -- panels

  theme() {
    return THEMES[this.root.dataset.theme];
  }

  /** Draw every card; the elements are made anew only where other panels are asked for. */
  draw() {
    const { state, store } = this;
    const drawings = drawingsOf(store, state);
    const t = state.step - 1;
    if (this.drawn !== this.root.clientWidth) this.chartWidth = 0;
    this.drawn = this.root.clientWidth; // 0 while the view is not on the page
    const scale = (this.drawn || 660) >= 335 ? 5 : 4; // CSS pixels an image pixel
    const shown = drawings.map((drawing, i) => {
      const view = { ...state, scale, first: i ? drawings[0] : null };
      return { drawing, panels: panels(drawing, t, view, this.theme()) };
    });
    this.forgetLostHover(shown);
    const names = shown.map((card) => card.drawing.model.name);
    const kept = [...this.cards.keys()];
    if (names.length !== kept.length || names.some((name, i) => name !== kept[i])) {
      this.cards = new Map(names.map((name) => [name, new Card(this, name)]));
      this.stage.replaceChildren(...[...this.cards.values()].map((card) => card.element));
    }
    const tops = topsOf(drawings);
    for (const { drawing, panels: list } of shown)
      this.cards.get(drawing.model.name).update(drawing, list, t, tops);
    this.setRover();
    this.read();
  }

  /** Nothing is pointed at any more where its panel has gone. */
  forgetLostHover(shown) {
    const { hover } = this;
    const card = hover && shown.find(({ drawing }) => drawing.model.name === hover.model);
    if (!card?.panels.some(({ name }) => name === hover.panel)) this.hover = null;
  }

  /** One panel at a time can be reached with the tab key; up and down lead to the others. */
  setRover() {
    const canvases = this.canvases();
    const current = canvases.find((canvas) => canvas.tabIndex === 0) ?? canvases[0];
    for (const canvas of canvases) canvas.tabIndex = canvas === current ? 0 : -1;
  }

  canvases() {
    return [...this.stage.querySelectorAll("canvas[data-panel]")];
  }

  focusStage() {
    this.canvases().find((canvas) => canvas.tabIndex === 0)?.focus({ preventScroll: true });
  }

  point(hover) {
    this.hover = hover;
    for (const card of this.cards.values()) card.repaint();
    this.read();
  }

  /** The line under the panels: values at the pixel or filter that is pointed at. */
  read() {
    const { hover } = this;
    const card = hover && this.cards.get(hover.model);
    this.readout.textContent = card
      ? card.valuesAt(hover) : "Point at a pixel or a filter to read its values.";
  }

  // -- words

  say(text) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (this.status.textContent = text), 250);
  }

  /** Say what is shown; while it plays, only that. */
  announce(played) {
    const { playing } = this.state;
    if (!playing) this.say(`${played ? "Paused. " : ""}${this.describe()}`);
    else if (!played) this.say("Playing");
  }

  describe() {
    const { state } = this;
    const cards = [...this.cards.values()].map((card) => card.describe());
    const place = `Step ${state.step} of ${this.slider.max}. ${this.sheet.nameOf(state.digit)}.`;
    return [place, ...cards].join(" ");
  }

  // -- keys

  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { target, key } = event;
    const canvas = target.closest("canvas[data-panel]");
    if (canvas && this.inspectKey(canvas, key)) return void event.preventDefault();
    const native = target.matches("input, select, textarea, summary");
    if (native && !(target === this.slider && key === " ")) return;
    if (target.matches("button") && key === " ") return;
    const last = this.store.catalogue.steps;
    const act = {
      ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1), " ": () => this.toggle(),
      Home: () => this.goTo(1), End: () => this.goTo(last),
    }[key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** On a panel: up and down to the next one, Enter to point with the arrow keys, Escape to end. */
  inspectKey(canvas, key) {
    const card = this.cards.get(canvas.dataset.model);
    const panel = card.panel(canvas.dataset.panel);
    const inspecting = this.hover?.byKey;
    if (key === "Enter" || (key === "Escape" && inspecting)) {
      const middle = Math.floor(panel.columns / 2);
      this.point(inspecting || key === "Escape" ? null
        : { ...card.at(panel, middle, middle), byKey: true });
    } else if (inspecting && key.startsWith("Arrow")) {
      const { row, column } = this.hover;
      const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      const [down, across] = ways[key];
      const place = [row + down, column + across].map((i) => clamp(i, 0, panel.columns - 1));
      this.point({ ...card.at(panel, ...place), byKey: true });
    } else if (key === "ArrowUp" || key === "ArrowDown") {
      const all = this.canvases();
      const next = all[all.indexOf(canvas) + (key === "ArrowUp" ? -1 : 1)];
      if (next) {
        canvas.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
    } else return false;
    if (this.hover) this.say(this.readout.textContent);
    return true;
  }

  // -- surroundings

  followTheme() {
    const look = () => {
      const name = themeName();
      if (name === this.root.dataset.theme) return;
      this.root.dataset.theme = name;
      if (this.store) this.draw();
    };
    const observer = new MutationObserver(look);
    const attributeFilter = ["data-theme", "data-jp-theme-light"];
    for (const element of [document.documentElement, document.body])
      observer.observe(element, { attributes: true, attributeFilter });
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", look);
    return () => {
      observer.disconnect();
      media.removeEventListener("change", look);
    };
  }

  followWidth() {
    const observer = new ResizeObserver(() => {
      const width = this.root.clientWidth;
      if (width && width !== this.drawn) this.draw();
    });
    observer.observe(this.root);
    return () => observer.disconnect();
  }

  /** A page opened by a link to a view opens at the explorer. */
  followAddress() {
    const timer = setTimeout(() => {
      if (location.hash.startsWith(LINK)) this.root.scrollIntoView({ behavior: "instant" });
    });
    return () => clearTimeout(timer);
  }

  /** Put the view into the address, from where it can be copied; it then follows the view. */
  async link() {
    this.address.hidden = false;
    this.showAddress();
    this.address.focus();
    try {
      await navigator.clipboard.writeText(this.address.value);
      this.say("Link copied");
    } catch {
      this.say("The link is selected, copy it from here");
    }
  }

  showAddress() {
    const url = new URL(location.href);
    url.hash = toFragment(this.state);
    if (this.address.value === url.href) return;
    this.address.value = url.href;
    history.replaceState(history.state, "", url);
  }
}

function keysHelp() {
  const keys = [
    ["← →", "one step back or on"], ["Space", "play or pause"], ["Home End", "first or last step"],
    ["↑ ↓", "from panel to panel"],
    ["Enter", "on a panel: point at pixels and filters with the arrow keys; Escape ends it"],
  ];
  return h("details", { class: "dx-help" }, h("summary", {}, "Keys"),
    h("dl", {}, ...keys.flatMap(([key, text]) => [h("dt", {}, key), h("dd", {}, text)])),
    h("p", {}, "In the contact sheet the arrow keys choose a digit."));
}

/** The page's theme: the book's, JupyterLab's, or else the system's. */
function themeName() {
  const book = document.documentElement.dataset.theme;
  if (book === "light" || book === "dark") return book;
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false" ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// ---- what anywidget calls --------------------------------------------------------------------

/** Once a widget, whatever the number of views: the clock, and views that come with the address. */
function initialize({ model }) {
  let timer;
  const tick = () => {
    const last = model.get("catalogue").steps;
    const step = clamp(model.get("step") + 1, 2, last);
    change(model, { step, playing: step < last });
  };
  const wind = () => {
    clearInterval(timer);
    const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (model.get("playing")) timer = setInterval(tick, reduced ? PACE.reduced : PACE.normal);
  };
  const open = () => {
    const traits = fromFragment(location.hash);
    if (traits) change(model, { ...traits, playing: false });
  };
  model.on("change:playing", wind);
  addEventListener("hashchange", open);
  open();
  wind();
  return () => {
    clearInterval(timer);
    removeEventListener("hashchange", open);
  };
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.remove();
}

export default { initialize, render };

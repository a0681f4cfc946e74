/**
 * The explorer's view: controls, contact sheet and panels over the widget's traits.
 *
 * All state is in the traits (`mode`, `digit`, `step`, `models`, ...), so that other widgets can be
 * linked to it. What is hovered or inspected belongs to one view alone.
 */

import { Store } from "./rebuild.js";
import { THEMES, drawingsOf, panels, scaleFor, topsOf } from "./pictures.js";
import { button, choice, h, list, menu, several, slider } from "./controls.js";
import { calm, change, clamp, followTheme, themeName } from "./page.js";
import { DIFFERENCES, LINK, MODES, TOGGLES, fromFragment, numberOf } from "./links.js";
import { OwnDrawings } from "./own.js";
import { liveSection } from "./live.js";
import { Sheet } from "./sheet.js";
import { Card } from "./cards.js";
import { keysHelp, press } from "./keys.js";
import { Share } from "./share.js";

const NOTES = {
  sketch: "Draw a digit on the pad: the models read it step by step, and write it again.",
  reconstruct: "A test image is read and drawn again.",
  generate:
    "Latents come from the prior. No encoder takes part, so nothing is read and there are no losses.",
  interpolate:
    "From one digit to another: latents on a straight line between theirs, decoded. Nothing is read. " +
    "Play moves along the line.",
};
const PACE = { calm: 1200, normal: 600 }; // milliseconds a step, by how much motion is wanted
const WIDE = 900; // CSS pixels from which a model's numbers stand beside its panels, as in the CSS
const ASIDE = 290; // what they take there
const TRAITS = ["mode", "digit", "ends", "step", "models", "windows", "centres", "error",
  "difference", "playing"];

// ---- state -----------------------------------------------------------------------------------

/** The traits as they can be shown: whatever is out of range or unknown is brought back. */
function readState(model, store) {
  const names = store.catalogue.models.map((entry) => entry.name);
  const modes = MODES.map(([mode]) => mode).filter((mode) => store.count(mode));
  const mode = modes.includes(model.get("mode")) ? model.get("mode") : modes[0];
  const able = store.modelsOf(mode);
  const chosen = names.filter((name) => model.get("models").includes(name));
  const shown = chosen.filter((name) => able.includes(name));
  const models = shown.length ? shown : able.slice(0, 1);
  const difference = model.get("difference");
  return {
    mode,
    models,
    chosen: chosen.length ? chosen : models,
    digit: clamp(model.get("digit"), 0, store.count(mode) - 1),
    ends: model.get("ends") ?? [],
    step: clamp(model.get("step"), 1, store.stepsOf(mode)),
    windows: model.get("windows"),
    centres: model.get("centres"),
    error: model.get("error"),
    difference: difference === "model" && models.length < 2 ? "none" : difference,
    playing: model.get("playing"),
  };
}

/** What the choices are made from: only when it changes are they built anew, and lose the focus. */
const choicesOf = (store) =>
  JSON.stringify([
    store.catalogue.models.map(({ name, title }) => [name, title]),
    MODES.filter(([mode]) => store.count(mode)),
  ]);

// ---- the view --------------------------------------------------------------------------------

class View {
  constructor(model, element) {
    this.model = model;
    this.hover = null;
    this.cards = new Map();
    this.root = h("section", {
      class: "dcrw-explorer", "aria-label": "Explorer of drawings",
      "data-lm-suppress-shortcuts": "true", // JupyterLab's keys are not meant here
      keydown: (event) => press(this, event),
    });
    if (model.get("scripts")) this.own = new OwnDrawings(model, () => this.refill());
    this.build();
    element.append(this.root);
    const look = () => this.root.dataset.theme !== themeName() && this.recolour();
    this.stop = [this.follow(), followTheme(look), this.followWidth(), this.followAddress()];
    this.load();
    this.own?.run(); // the page may have been opened by a link to a drawing of its own
  }

  remove() {
    this.stop.forEach((stop) => stop());
    [this.live, this.own, this.modelMenu, this.showMenu].forEach((part) => part?.stop());
  }

  // -- parts

  build() {
    this.note = h("p", { class: "dx-note" });
    this.sheet = new Sheet((digit, byPointer) => {
      this.set({ digit, playing: false });
      if (byPointer) this.focusStage();
    });
    this.stage = h("div", { class: "dx-stage" });
    this.readout = h("p", { class: "dx-readout" });
    this.status = h("div", { class: "dx-unseen", role: "status", "aria-live": "polite" });
    this.share = new Share(this);
    this.live = liveSection(this.model, this);
    if (this.live?.gif) this.share.add(this.live.gif);
    this.shown = h("div", { class: "dx-shown" }, this.playback(), this.stage, this.readout);
    this.work = h("div", { class: "dx-work" },
      ...(this.live ? [this.live.element] : []), this.shown);
    this.root.append(this.bar(), this.note, this.sheet.element, this.work, this.share.element,
      keysHelp(), this.status);
  }

  playback() {
    this.play = button("", { class: "dx-play" }, () => this.toggle());
    this.slider = slider("Drawing step", (step) => this.set({ step, playing: false }));
    this.position = h("span", { class: "dx-position" }); // spoken by the slider
    const step = (text, label, by) =>
      button(text, { class: "dx-icon", "aria-label": label, title: label }, () => this.move(by));
    return h("div", { class: "dx-playback", role: "group", "aria-label": "Playback" },
      this.play, step("‹", "Step back", -1), step("›", "Step forward", 1), this.slider.element,
      this.position);
  }

  /** One row: the mode, and what is shown, folded away. */
  bar() {
    this.difference = list("Difference", "Show the canvas minus", DIFFERENCES,
      (difference) => this.set({ difference }));
    this.toggles = several("Show", TOGGLES, (values) => this.set(
      Object.fromEntries(TOGGLES.map(([name]) => [name, values.includes(name)]))), "dx-toggles");
    this.modePlace = h("div", { class: "dx-modes" });
    this.modelPlace = h("div");
    this.modelMenu = menu(this.modelPlace);
    this.showMenu = menu(this.toggles.element, this.difference.element);
    this.ends = this.endsRow();
    return h("div", { class: "dx-bar" }, this.modePlace, this.modelMenu.element,
      this.showMenu.element, this.ends);
  }

  /** What depends on which models and modes there are. */
  buildChoices() {
    const modes = MODES.filter(([mode]) => this.store.count(mode));
    this.modes = choice("Mode", modes, (mode) => this.set({ mode, playing: false }));
    const models = this.store.catalogue.models.map(({ name, title }) => [name, title]);
    this.modelBoxes = several("Models", models, (names) => this.set({ models: names }), "dx-models");
    this.modePlace.replaceChildren(this.modes.element);
    this.modelPlace.replaceChildren(this.modelBoxes.element);
  }

  /** The two ends of a line, any digits, where models can draw in the page. */
  endsRow() {
    const { labels, pairs, columns } = this.model.get("catalogue");
    const options = labels.map((label, i) => [String(i), `${label}, number ${numberOf(labels, i)}`]);
    const take = (place) => (value) => {
      const ends = [...this.endsShown()];
      ends[place] = Number(value);
      const known = pairs.findIndex((pair) => pair.join() === ends.join());
      const line = known < 0 ? { ends, digit: 0 } : { ends: [], digit: known * columns };
      this.set({ ...line, step: this.last, playing: false });
    };
    this.endLists = ["From", "to"].map((word, place) =>
      list(word, place ? "Last digit of the line" : "First digit of the line", options, take(place)));
    return h("div", { class: "dx-ends" }, ...this.endLists.map((part) => part.element));
  }

  endsShown() {
    const { pairs, columns } = this.store.catalogue;
    const { ends, digit } = this.state;
    return ends.length ? ends : pairs[Math.min(Math.floor(digit / columns), pairs.length - 1)];
  }

  // -- state

  set(values) {
    change(this.model, values);
  }

  /** T of what is shown. */
  get last() {
    return this.store.stepsOf(this.state.mode);
  }

  move(by) {
    this.goTo(this.state.step + by);
  }

  goTo(step) {
    this.set({ step: clamp(step, 1, this.last), playing: false });
  }

  /** Play or pause: through the steps, on a line along it. At the end it starts again. */
  toggle() {
    const { playing, step, digit, mode } = this.state;
    if (playing) return this.set({ playing: false });
    if (mode !== "interpolate")
      return this.set(step === this.last ? { step: 1, playing: true } : { playing: true });
    const { columns } = this.store.catalogue;
    const part = digit % columns;
    this.set({ step: this.last, digit: part < columns - 1 ? digit : digit - part, playing: true });
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
    TRAITS.forEach((name) => this.model.on(`change:${name}`, later));
    this.model.on("change:block", reload);
    return () => {
      TRAITS.forEach((name) => this.model.off(`change:${name}`, later));
      this.model.off("change:block", reload);
    };
  }

  load() {
    const before = this.store && choicesOf(this.store);
    this.store = new Store(this.model.get("catalogue"), this.model.get("block"));
    this.own?.fill(this.store);
    if (before !== choicesOf(this.store)) this.buildChoices();
    this.sheet.forget();
    this.root.dataset.theme = themeName();
    this.update();
  }

  /** The page itself has drawn something anew. */
  refill() {
    this.own.fill(this.store);
    this.sheet.forget();
    this.update();
  }

  update() {
    const before = this.state;
    this.state = readState(this.model, this.store);
    const { state } = this;
    this.updateControls();
    this.sheet.update(this.store, state);
    this.draw();
    this.share.update();
    if (before && JSON.stringify(before) !== JSON.stringify(state)) this.announce(before.playing);
  }

  updateControls() {
    const { state, store } = this;
    this.modes.update(state.mode);
    this.modelBoxes.update(state.chosen, true, store.modelsOf(state.mode));
    this.toggles.update(TOGGLES.map(([name]) => name).filter((name) => state[name]));
    this.difference.update(state.difference, state.models.length < 2 ? ["model"] : []);
    this.modelMenu.update(`Models: ${state.models.length} of ${store.models.size}`);
    this.showMenu.update("Show");
    this.slider.update(state.step, this.last, `step ${state.step} of ${this.last}`);
    this.position.textContent = `t = ${state.step} of ${this.last}`;
    this.play.textContent = state.playing ? "Pause" : "Play";
    this.note.textContent = NOTES[state.mode];
    this.ends.hidden = !this.own || state.mode !== "interpolate";
    if (!this.ends.hidden)
      this.endsShown().forEach((end, place) => this.endLists[place].update(String(end)));
    if (this.own) this.live.element.hidden = state.mode !== "sketch" && !this.model.get("message");
    this.root.dataset.mode = state.mode;
  }

  // -- panels

  theme() {
    return THEMES[this.root.dataset.theme];
  }

  recolour() {
    this.root.dataset.theme = themeName();
    if (this.store) this.draw();
  }

  /** Draw every card; the elements are made anew only where other panels are asked for. */
  draw() {
    const { state, store } = this;
    const drawings = drawingsOf(store, state);
    const t = state.step - 1;
    const width = this.shown.clientWidth; // 0 while the view is not on the page
    const free = (width || 660) - (width >= WIDE ? ASIDE : 0);
    const scale = scaleFor(drawings, state, free, store.pixels);
    if (this.drawn !== width || this.scale !== scale) this.chartWidth = 0; // to be measured again
    Object.assign(this, { drawn: width, scale });
    const shown = drawings.map((drawing, i) => {
      const view = { ...state, scale, first: i ? drawings[0] : null };
      return { drawing, panels: panels(drawing, t, view, this.theme()) };
    });
    this.forgetLostHover(shown);
    this.keepCards(shown.map((card) => card.drawing.model.name));
    const tops = topsOf(drawings);
    for (const { drawing, panels: list } of shown)
      this.cards.get(drawing.model.name).update(drawing, list, t, tops);
    this.readout.hidden = !shown.length;
    this.setRover();
    this.read();
  }

  keepCards(names) {
    const kept = [...this.cards.keys()];
    if (names.length === kept.length && names.every((name, i) => name === kept[i])) return;
    this.cards = new Map(names.map((name) => [name, new Card(this, name)]));
    this.stage.replaceChildren(...[...this.cards.values()].map((card) => card.element));
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

  /** Values at the pixel or filter that is pointed at: under the panels, and in words below them. */
  read() {
    const { hover } = this;
    const card = hover && this.cards.get(hover.model);
    for (const one of this.cards.values()) one.caption(hover);
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
    const place = `Step ${state.step} of ${this.last}. ${this.sheet.nameOf(state.digit)}.`;
    return [place, ...cards].join(" ");
  }

  // -- surroundings

  followWidth() {
    const observer = new ResizeObserver(() => {
      const width = this.shown.clientWidth;
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
}

// ---- what anywidget calls --------------------------------------------------------------------

/** The next moment of what plays: a step, or on a line its next part. */
function next(model) {
  const { columns, steps } = model.get("catalogue");
  if (model.get("mode") === "interpolate") {
    const digit = model.get("digit") + 1;
    return { digit, playing: digit % columns < columns - 1 };
  }
  const own = model.get("mode") === "sketch" && model.get("total_steps");
  const last = own || steps;
  const step = clamp(model.get("step") + 1, 2, last);
  return { step, playing: step < last };
}

/** Once a widget, whatever the number of views: the clock, and views that come with the address. */
export function initialize({ model }) {
  let timer;
  const wind = () => {
    clearInterval(timer);
    const pace = calm() ? PACE.calm : PACE.normal;
    if (model.get("playing")) timer = setInterval(() => change(model, next(model)), pace);
  };
  const open = () => {
    const traits = fromFragment(model.get("catalogue"), location.hash);
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

export function render({ model, el }) {
  const view = new View(model, el);
  return () => view.remove();
}

export default { initialize, render };

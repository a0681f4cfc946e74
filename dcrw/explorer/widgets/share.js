/** Links to a view, and the view as a file. */

import { windowLines } from "./cards.js";
import { button, h } from "./controls.js";
import { composeSvg, download, toPng } from "./export.js";
import { LINK, placeOf, toFragment } from "./links.js";

/** The explorer's row of buttons to share and save what it shows. */
export class Share {
  constructor(view) {
    this.view = view;
    this.address = h("input", {
      type: "text", readonly: true, hidden: true, class: "dx-address",
      "aria-label": "Link to this view", focus: () => this.address.select(),
    });
    this.element = h("div", { class: "dx-actions", role: "group", "aria-label": "Share and save" },
      button("Link to this view", {}, () => this.link()),
      button("Save as PNG", {}, () => this.save("png")),
      button("Save as SVG", {}, () => this.save("svg")), this.address);
  }

  /** A further button. */
  add(element) {
    this.element.insertBefore(element, this.address);
  }

  /** The view at a step (default: the present one) as SVG. */
  picture(step = this.view.state.step) {
    const { store, last } = this.view;
    const state = { ...this.view.state, step };
    const title = `Step ${step} of ${last}. ${this.view.sheet.nameOf(state.digit)}`;
    return composeSvg(store, state, this.view.theme(), title, windowLines);
  }

  /** All steps of the view as PNGs. */
  frames() {
    const steps = Array.from({ length: this.view.last }, (_, t) => t + 1);
    const bytes = async (step) => (await toPng(this.picture(step), 1)).arrayBuffer();
    return Promise.all(steps.map(bytes));
  }

  fileName(kind) {
    const { state, store } = this.view;
    const place = Object.values(placeOf(store.catalogue, state));
    const parts = ["dcrw", state.mode, ...place, ...(kind === "gif" ? [] : ["step", state.step])];
    return `${parts.join("-")}.${kind}`;
  }

  async save(kind) {
    const svg = this.picture();
    const blob = kind === "png" ? await toPng(svg, 2) : new Blob([svg], { type: "image/svg+xml" });
    download(blob, this.fileName(kind));
  }

  /** Put the view into the address, from where it can be copied; it then follows the view. */
  async link() {
    this.address.hidden = false;
    this.show();
    this.address.focus();
    try {
      await navigator.clipboard.writeText(this.address.value);
      this.view.say("Link copied");
    } catch {
      this.view.say("The link is selected, copy it from here");
    }
  }

  /** The address follows a view that has been linked to. */
  update() {
    if (location.hash.startsWith(LINK) && !this.view.state.playing) this.show();
  }

  show() {
    const url = new URL(location.href);
    url.hash = toFragment(this.view.store.catalogue, this.view.state);
    if (this.address.value === url.href) return;
    this.address.value = url.href;
    history.replaceState(history.state, "", url);
  }
}

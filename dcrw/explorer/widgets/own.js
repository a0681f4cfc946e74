/**
 * Drawings that a page makes itself, without a kernel: of the reader's own digit, and on the line
 * between any two digits. `widgets/model.js` draws; its weights are scripts, loaded when first wanted.
 */

import { draw, drawNoise, generate, loadModel } from "./model.js";
import { loadScript } from "./page.js";

/** How the steps' noise is drawn: as the model was trained, or otherwise, to see it break. */
export const NOISES = [
  ["trained", "as trained"],
  ["fresh", "fresh at every step"],
  ["shared", "one sample at all steps"],
];
const CORRELATION = { fresh: 0, shared: 1 };
const CAUSES = ["sketch", "seed", "temperature", "total_steps", "noise", "models", "mode", "ends"];

/** Draws again whenever the sketch, the ends of the line, a setting or the models shown change. */
export class OwnDrawings {
  constructor(model, changed) {
    this.model = model;
    this.changed = changed; // called when there is something new to show
    this.models = new Map();
    const run = () => this.run();
    for (const name of CAUSES) model.on(`change:${name}`, run);
    this.stop = () => CAUSES.forEach((name) => model.off(`change:${name}`, run));
  }

  /** Give a store what is drawn here. */
  fill(store) {
    const names = Object.keys(this.model.get("scripts")).filter((name) => store.models.has(name));
    const given = { models: names, steps: this.model.get("total_steps") };
    const image = this.sketch(store.pixels);
    const empty = !image.some((grey) => grey > 0);
    const once = this.cached(store, (model) => draw(model, image, this.noise(model, 1))[0]);
    store.give("sketch", { ...given, count: 1, image, draw: (name) => (empty ? null : once(name)) });
    const { ends } = this;
    store.give("interpolate", ends && {
      ...given, steps: store.catalogue.steps, count: store.catalogue.columns,
      image: null, draw: this.line(store, ends),
    });
  }

  sketch(pixels) {
    return Float64Array.from(this.model.get("sketch") ?? new Uint8Array(pixels ** 2),
      (grey) => grey / 255);
  }

  /** The two digits that the reader has chosen, null where they are a recorded pair. */
  get ends() {
    const ends = this.model.get("ends");
    return ends?.length ? ends : null;
  }

  /** By name, what `make` gets out of a model; null while its weights are not there. */
  cached(store, make) {
    const made = new Map();
    return (name) => {
      if (!this.models.has(name)) return null;
      if (!made.has(name)) made.set(name, make(this.models.get(name)));
      return made.get(name);
    };
  }

  /** Drawings of latents on a straight line from one digit's to another's, as `blend` in Python. */
  line(store, ends) {
    const images = ends.map((end) => store.image("reconstruct", end));
    const both = Float64Array.from([...images[0], ...images[1]]);
    const last = store.catalogue.columns - 1;
    const latents = this.cached(store, (model) =>
      draw(model, both, this.noise(model, 2, model.steps)).map(({ steps }) =>
        steps.flatMap((step) => Array.from(step.latents))));
    return (name, part) => {
      const found = latents(name);
      if (!found) return null;
      const [from, to] = found;
      const blended = Float64Array.from(from, (z, i) => z + (part / last) * (to[i] - z));
      return generate(this.models.get(name), blended)[0];
    };
  }

  noise(model, count, steps = this.model.get("total_steps")) {
    const correlation = CORRELATION[this.model.get("noise")] ?? model.noiseCorrelation;
    const random = generator(this.model.get("seed"));
    const noise = drawNoise(model, count, correlation, steps, random);
    const temperature = this.model.get("temperature");
    return noise.map((value) => value * temperature);
  }

  async run() {
    const mode = this.model.get("mode");
    if (mode !== "sketch" && !(mode === "interpolate" && this.ends)) return void this.changed();
    const missing = this.wanted().filter((name) => !this.models.has(name));
    if (missing.length) await this.load(missing);
    this.changed();
  }

  /** The models shown that can draw here, or else the first one. */
  wanted() {
    const names = Object.keys(this.model.get("scripts"));
    const wanted = this.model.get("models").filter((name) => names.includes(name));
    return wanted.length ? wanted : names.slice(0, 1);
  }

  async load(names) {
    this.model.set("message", "Loading the model …");
    try {
      await Promise.all(names.map(async (name) => {
        await loadScript(this.model.get("scripts")[name]);
        this.models.set(name, loadModel(name));
      }));
      this.model.set("message", "");
    } catch (error) {
      this.model.set("message", `The model cannot be loaded: ${error.message}`);
    }
  }
}

/** Numbers in [0, 1) from a seed, so that a drawing can be had again (xorshift; Marsaglia 2003). */
export function generator(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next(); // neighbouring seeds start apart
  return next;
}

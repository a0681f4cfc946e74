/**
 * Rebuilds drawings from windows and patches: filters, glimpses, canvases and losses (Eq. 12-26).
 * Pure functions on numbers, the same as `dcrw/model/attention.py` and `losses.py`.
 *
 * Sizes: T steps, images of A x A pixels, N filters per axis. A matrix is a flat array, row by row.
 * A window is [g_X, g_Y, stride, sigma, gamma]; lengths in pixels, centres from 0 at the middle of
 * the first pixel.
 */

const READERS = {
  float16: (buffer) => Float32Array.from(new Uint16Array(buffer), halfToFloat),
  float32: (buffer) => new Float32Array(buffer),
  uint8: (buffer) => new Uint8Array(buffer),
};

/** An IEEE half, given as its 16 bits. */
export function halfToFloat(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/** Bernoulli loss of grey values under logits, nats (Eq. 25). */
export function crossEntropy(logits, image) {
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i];
    sum += Math.max(logit, 0) - logit * image[i] + Math.log1p(Math.exp(-Math.abs(logit)));
  }
  return sum;
}

/**
 * Gaussian filters along one axis (Eq. 13-14, 19-20): centres (N) and weights (N, A), every row
 * normalised over pixels.
 */
export function filterAxis(model, centre, window, size, pixels) {
  const [, , stride, sigma] = window;
  const squaredRatio = model.exponent === "squared-ratio";
  const precision = squaredRatio ? 0.25 / sigma ** 4 : 0.5 / sigma ** 2;
  const centres = new Float64Array(size);
  const weights = new Float64Array(size * pixels);
  const half = model.wholeNumbers ? Math.floor(size / 2) : size / 2;
  for (let i = 0; i < size; i++) {
    const mean = centre + stride * (i + model.firstIndex - half - 0.5);
    const row = weights.subarray(i * pixels, (i + 1) * pixels);
    for (let a = 0; a < pixels; a++) row[a] = -precision * (a - mean) ** 2;
    normalise(row, model.normaliser === "softmax");
    centres[i] = mean;
  }
  return { centres, weights };
}

/** Exponents to weights: the exact softmax, or e^x over max(sum, 1e-8). */
function normalise(row, exact) {
  const highest = exact ? row.reduce((a, b) => Math.max(a, b)) : 0;
  let sum = 0;
  for (let a = 0; a < row.length; a++) sum += row[a] = Math.exp(row[a] - highest);
  const total = exact ? sum : Math.max(sum, 1e-8);
  for (let a = 0; a < row.length; a++) row[a] /= total;
}

/** A window with its filters on both axes. */
export function placeWindow(model, window, size, pixels) {
  return {
    centre: [window[0], window[1]],
    stride: window[2],
    sigma: window[3],
    gamma: window[4],
    size,
    x: filterAxis(model, window[0], window, size, pixels),
    y: filterAxis(model, window[1], window, size, pixels),
  };
}

/** (rows, inner) times (inner, columns), either one taken transposed. */
function multiply(left, right, rows, inner, columns, leftTransposed, rightTransposed) {
  const product = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < inner; k++) {
      const factor = leftTransposed ? left[k * rows + r] : left[r * inner + k];
      for (let c = 0; c < columns; c++)
        product[r * columns + c] +=
          factor * (rightTransposed ? right[c * inner + k] : right[k * columns + c]);
    }
  return product;
}

/** One channel of the glimpse before gamma, F_Y x F_X^T (N, N) (Eq. 21). */
export function look(image, placed, pixels) {
  const rows = multiply(placed.y.weights, image, placed.size, pixels, pixels);
  return multiply(rows, placed.x.weights, placed.size, pixels, placed.size, false, true);
}

/** What a patch adds to the canvas, 1/gamma F_Y^T w F_X (A, A) (Eq. 23 as in DRAW). */
export function stroke(patch, placed, pixels) {
  const rows = multiply(placed.y.weights, patch, pixels, placed.size, placed.size, true);
  const added = multiply(rows, placed.x.weights, pixels, placed.size, pixels);
  return added.map((value) => value / placed.gamma);
}

/** The arrays of a block of bytes, by the catalogue that came with it. */
export class Store {
  constructor(catalogue, block) {
    this.catalogue = catalogue;
    this.models = new Map(catalogue.models.map((model) => [model.name, model]));
    this.pixels = catalogue.imageSize;
    this.block = block;
    this.arrays = new Map();
    this.drawings = new Map();
    this.given = new Map();
  }

  /**
   * Show as a mode what is drawn here, {models, count, steps, image, draw(model, item)}, in place of
   * what was recorded; null: what was recorded again. models: names of those that can draw it.
   */
  give(mode, made) {
    if (made) this.given.set(mode, made);
    else this.given.delete(mode);
    for (const key of [...this.drawings.keys()])
      if (key.split("/")[1] === mode) this.drawings.delete(key);
  }

  /** Names of the models that have a mode. */
  modelsOf(mode) {
    return this.given.get(mode)?.models
      ?? [...this.models.keys()].filter((name) => this.array(`${name}/${mode}/patch`));
  }

  /** T of a mode. */
  stepsOf(mode) {
    return this.given.get(mode)?.steps ?? this.catalogue.steps;
  }

  /** Values and shape of an array, or null where there is none. */
  array(name) {
    const entry = this.catalogue.arrays[name];
    if (!entry) return null;
    if (!this.arrays.has(name)) {
      const count = entry.shape.reduce((a, b) => a * b, 1);
      const start = this.block.byteOffset + entry.offset;
      const bytes = { uint8: 1, float16: 2, float32: 4 }[entry.type] * count;
      const values = READERS[entry.type](this.block.buffer.slice(start, start + bytes));
      this.arrays.set(name, { values, shape: entry.shape });
    }
    return this.arrays.get(name);
  }

  /** Row (step, item) of an array (T, n, ...), or null. */
  row(name, step, item) {
    const array = this.array(name);
    if (!array) return null;
    const [, items, ...rest] = array.shape;
    const width = rest.reduce((a, b) => a * b, 1);
    const start = (step * items + item) * width;
    return array.values.subarray(start, start + width);
  }

  /** How many drawings a mode has; 0 where no model has it. */
  count(mode) {
    if (this.given.has(mode)) return this.given.get(mode).count;
    const found = this.catalogue.models.map((m) => this.array(`${m.name}/${mode}/patch`));
    return found.reduce((most, array) => Math.max(most, array ? array.shape[1] : 0), 0);
  }

  /** Grey values in [0, 1] of what a mode's item shows the model; null where nothing is encoded. */
  image(mode, item) {
    if (this.given.has(mode)) return this.given.get(mode).image;
    const array = this.array(mode === "sketch" ? "sketch" : mode === "reconstruct" ? "images" : "");
    if (!array) return null;
    const size = this.pixels ** 2;
    return Float64Array.from(
      array.values.subarray(item * size, (item + 1) * size), (value) => value / 255);
  }

  /** Everything about one drawing: the image and T steps; null where the model has no such mode. */
  drawing(name, mode, item) {
    const key = `${name}/${mode}/${item}`;
    if (!this.drawings.has(key)) {
      if (this.drawings.size > 500) this.drawings.clear();
      const given = this.given.get(mode);
      const recorded = !given && this.array(`${name}/${mode}/patch`);
      this.drawings.set(key, given ? given.draw(name, item) : recorded && this.draw(name, mode, item));
    }
    return this.drawings.get(key);
  }

  draw(name, mode, item) {
    const model = this.models.get(name);
    const image = this.image(mode, item);
    const steps = [];
    let canvas = Float64Array.from(this.array(`${name}/initial_canvas`).values);
    for (let t = 0; t < this.catalogue.steps; t++) {
      const row = (track) => this.row(`${name}/${mode}/${track}`, t, item);
      steps.push(drawStep(model, image, canvas, row, this.pixels));
      canvas = steps[t].canvas;
    }
    return { model, image, steps };
  }
}

/**
 * One step on a canvas of logits. `row` gives the numbers of a track at this step, or null.
 *
 * `error` is x - sigma(c_{t-1}), which a model that reads sees; `glimpse` is before gamma.
 */
function drawStep(model, image, before, row, pixels) {
  const written = placeWindow(model, row("write_window"), model.writeSize, pixels);
  const patch = row("patch");
  const added = stroke(patch, written, pixels);
  const canvas = before.map((value, i) => value + added[i]);
  const step = { written, patch, added, before, canvas, shown: canvas.map(sigmoid) };
  if (image) {
    step.error = before.map((value, i) => image[i] - sigmoid(value));
    step.reconstruction = crossEntropy(canvas, image);
    step.latent = row("kl")[0];
  }
  const window = row("read_window");
  if (image && window) {
    step.read = placeWindow(model, window, model.readSize, pixels);
    step.glimpse = [image, step.error].map((channel) => look(channel, step.read, pixels));
  }
  return step;
}

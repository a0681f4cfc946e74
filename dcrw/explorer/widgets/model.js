/**
 * DCRW with attention in plain JavaScript: from weights and noise to drawings, without Python.
 * Pure functions, the same as `dcrw/model/writer.py` and `encoders.py` for the architecture `dcrw`;
 * `dcrw/explorer/portable.py` writes the weights.
 *
 * Sizes: T steps, n images of A x A pixels, z latent dimensions per step, D LSTM units, N filters per
 * axis. Arrays are flat, row by row; images with channels have them last.
 */

import { Store, crossEntropy, look, placeWindow, sigmoid, stroke } from "./rebuild.js";

const TAPS = 9; // of a 3 x 3 convolution

// ---- weights ---------------------------------------------------------------------------------

/**
 * The model of a name, from what its script of weights left in the page.
 *
 * @param {string} name
 * @param {Object<string, {catalogue: object, block: string}>} scripts block: bytes in base64
 */
export function loadModel(name, scripts = globalThis.dcrwWeights ?? {}) {
  if (!scripts[name])
    throw new Error(`${name}: no such weights; there are ${Object.keys(scripts).join(", ")}`);
  const { catalogue, block } = scripts[name];
  const bytes = Uint8Array.from(atob(block), (letter) => letter.charCodeAt(0));
  const store = new Store(catalogue, new DataView(bytes.buffer));
  const layer = (path) => {
    const [weight, bias] = ["weight", "bias"].map((part) => store.array(`${path}.${part}`));
    return { weight: weight.values, bias: bias.values, inputs: weight.shape[1] };
  };
  return {
    ...store.models.get(name),
    pixels: store.pixels,
    steps: catalogue.steps,
    first: tapsFirst(layer("encoder.features.first")),
    second: tapsFirst(layer("encoder.features.second")),
    posterior: layer("encoder.posterior.heads"),
    decoder: layer("decoder"),
    heads: layer("heads"),
  };
}

/** A convolution's weights (outputs, inputs, 3, 3) as (3, 3, inputs, outputs). */
function tapsFirst({ weight, bias, inputs }) {
  const outputs = bias.length;
  const arranged = new Float32Array(weight.length);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++)
      for (let tap = 0; tap < TAPS; tap++)
        arranged[(tap * inputs + i) * outputs + o] = weight[(o * inputs + i) * TAPS + tap];
  return { weight: arranged, bias, inputs };
}

// ---- layers ----------------------------------------------------------------------------------

/** W x + b. */
function linear({ weight, bias, inputs }, values) {
  const outputs = new Float64Array(bias.length);
  for (let o = 0, w = 0; o < outputs.length; o++) {
    let sum = bias[o];
    for (let i = 0; i < inputs; i++, w++) sum += weight[w] * values[i];
    outputs[o] = sum;
  }
  return outputs;
}

/** 3 x 3 convolution with same padding: (side, side, inputs) to (side, side, outputs). */
function convolve(layer, image, side) {
  const outputs = layer.bias.length;
  const result = new Float64Array(side * side * outputs);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const to = (y * side + x) * outputs;
      result.set(layer.bias, to);
      for (let tap = 0; tap < TAPS; tap++) {
        const row = y + Math.floor(tap / 3) - 1;
        const column = x + (tap % 3) - 1;
        const inside = row >= 0 && row < side && column >= 0 && column < side;
        if (inside) addTap(layer, tap, image, (row * side + column) * layer.inputs, result, to);
      }
    }
  return result;
}

/** What one pixel, whose channels start at `from`, adds to the outputs that start at `to`. */
function addTap({ weight, bias, inputs }, tap, image, from, result, to) {
  const outputs = bias.length;
  let w = tap * inputs * outputs;
  for (let i = 0; i < inputs; i++) {
    const value = image[from + i];
    for (let o = 0; o < outputs; o++, w++) result[to + o] += value * weight[w];
  }
}

/** 2 x 2 max pooling that keeps the border of odd sides, and ReLU. */
function poolAndRectify(image, side, channels) {
  const half = Math.ceil(side / 2);
  const pooled = new Float64Array(half * half * channels); // zeros: the least that ReLU leaves
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const from = (y * side + x) * channels;
      const to = ((y >> 1) * half + (x >> 1)) * channels;
      for (let c = 0; c < channels; c++)
        if (image[from + c] > pooled[to + c]) pooled[to + c] = image[from + c];
    }
  return pooled;
}

/** Conv 3x3x32, pool 2x2, conv 3x3x64, pool 2x2 (Sec. III-B), flat with channels first. */
function features(model, image, side) {
  let hidden = image;
  for (const layer of [model.first, model.second]) {
    hidden = poolAndRectify(convolve(layer, hidden, side), side, layer.bias.length);
    side = Math.ceil(side / 2);
  }
  const [places, channels] = [side * side, model.second.bias.length];
  return hidden.map((_, i) => hidden[(i % places) * channels + Math.floor(i / places)]);
}

/** One step of the decoder's LSTM on z_t (Eq. 11): gates i, f, o, then the update. */
function remember({ decoder }, latent, { hidden, cell }) {
  const gates = linear(decoder, concatenate(latent, hidden));
  const size = hidden.length;
  const [next, emitted] = [new Float64Array(size), new Float64Array(size)];
  for (let d = 0; d < size; d++) {
    const admitted = sigmoid(gates[d]) * Math.tanh(gates[3 * size + d]);
    next[d] = sigmoid(gates[size + d]) * cell[d] + admitted;
    emitted[d] = sigmoid(gates[2 * size + d]) * Math.tanh(next[d]);
  }
  return { hidden: emitted, cell: next };
}

function concatenate(left, right) {
  const joined = new Float64Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}

// ---- one step --------------------------------------------------------------------------------

/**
 * The state before the first step: canvas (A, A) of logits, hidden and cell (D), and the first read
 * window, as rebuild.js has windows.
 */
export function initial(model) {
  const blank = () => new Float64Array(model.hiddenSize);
  const canvas = new Float64Array(model.pixels ** 2).fill(model.initialCanvas);
  const state = { canvas, hidden: blank(), cell: blank() };
  return { ...state, readWindow: windowsOf(model, linear(model.heads, state.hidden)).read };
}

/**
 * One step t (Eq. 7-12). An image is read, and z_t = mu + sigma epsilon; without one, z_t = epsilon
 * is a sample from the prior.
 *
 * @param {object} model from `loadModel`
 * @param {object} state from `initial`, or what the step before returned
 * @param {Float32Array|Float64Array} epsilon (z) from N(0, 1)
 * @param {?(Float32Array|Float64Array)} image (A, A) in [0, 1]
 * @returns {object} the next state, and with it what a step of `Store.drawing` in rebuild.js has:
 *   `written`, `patch`, `added`, `before`, `canvas`, `shown`; also z_t as `latents`, and of an image
 *   `read`, `glimpse`, `error`, `reconstruction` and `latent`, nats
 */
export function step(model, state, epsilon, image = null) {
  const seen = image && see(model, state, image);
  const sampled = seen ? seen.mean.map((mu, k) => mu + Math.exp(seen.logSigma[k]) * epsilon[k])
    : epsilon;
  const memory = remember(model, sampled, state);
  const emitted = linear(model.heads, memory.hidden);
  const windows = windowsOf(model, emitted);
  const patch = emitted.subarray(0, model.writeSize ** 2);
  const written = placeWindow(model, windows.written, model.writeSize, model.pixels);
  const added = stroke(patch, written, model.pixels);
  const canvas = state.canvas.map((value, i) => value + added[i]);
  const next = { ...memory, canvas, readWindow: windows.read };
  const shown = canvas.map(sigmoid);
  const done = { latents: sampled, written, patch, added, before: state.canvas, shown };
  if (!seen) return { ...next, ...done };
  const { read, glimpse, error, latent } = seen;
  return {
    ...next, ...done, read, glimpse, error, latent, reconstruction: crossEntropy(canvas, image),
  };
}

/** Read the image and the error image, and say what z_t may be (Eq. 5-9, 21). */
function see(model, { canvas, hidden, readWindow }, image) {
  const error = canvas.map((logit, i) => image[i] - sigmoid(logit));
  const read = placeWindow(model, readWindow, model.readSize, model.pixels);
  const glimpse = [image, error].map((channel) => look(channel, read, model.pixels));
  const pair = new Float64Array(2 * model.readSize ** 2);
  glimpse.forEach((channel, c) =>
    channel.forEach((value, i) => (pair[2 * i + c] = read.gamma * value)));
  const joined = concatenate(features(model, pair, model.readSize), hidden);
  const emitted = linear(model.posterior, joined);
  const [mean, logSigma] = halves(emitted);
  return { error, read, glimpse, mean, logSigma, latent: divergence(mean, logSigma) };
}

const halves = (values) =>
  [values.subarray(0, values.length / 2), values.subarray(values.length / 2)];

/** KL of N(mu, sigma^2) from the standard normal, nats (Eq. 26-27). */
function divergence(mean, logSigma) {
  let sum = 0;
  for (let k = 0; k < mean.length; k++)
    sum += mean[k] ** 2 + Math.exp(2 * logSigma[k]) - 2 * logSigma[k] - 1;
  return sum / 2;
}

/** The windows among what the heads emit, after the patch; as rebuild.js has them. */
function windowsOf(model, emitted) {
  const start = model.writeSize ** 2;
  const own = (first) => emitted.subarray(first, first + 5);
  return {
    written: toPixels(model, own(start), model.writeSize),
    read: toPixels(model, own(start + 5), model.readSize),
  };
}

/** g_X, g_Y, log sigma^2, log delta, log gamma, as emitted, to lengths in pixels (Eq. 15-18). */
function toPixels(model, [x, y, logVariance, logStride, logGamma], size) {
  const quotient = (a, b) => (model.wholeNumbers ? Math.floor(a / b) : a / b);
  const middle = quotient(model.pixels + 1, 2);
  const centre = (g) => middle * (g + 1) - model.firstIndex;
  const stride = quotient(model.pixels - 1, size - 1) * Math.exp(logStride);
  return [centre(x), centre(y), stride, Math.exp(logVariance / 2), Math.exp(logGamma)];
}

// ---- drawings --------------------------------------------------------------------------------

/**
 * Redraw images.
 *
 * @param {object} model from `loadModel`
 * @param {Float32Array|Float64Array} images (n, A, A) in [0, 1]
 * @param {Float32Array|Float64Array} noise (T, n, z) from N(0, 1), for any T
 * @returns {Array<{model, image, steps}>} n drawings as `Store.drawing` in rebuild.js has them
 */
export function draw(model, images, noise) {
  const size = model.pixels ** 2;
  const count = images.length / size;
  return Array.from({ length: count }, (_, item) =>
    drawOne(model, noise, count, item, images.subarray(item * size, (item + 1) * size)));
}

/**
 * Draw images from the prior: as `draw`, z_t = noise[t]. Where the noise is not for the number of
 * steps that the model was trained with, `count` says how many images it is for.
 */
export function generate(model, noise, count = noise.length / (model.steps * model.latentSize)) {
  return Array.from({ length: count }, (_, item) => drawOne(model, noise, count, item, null));
}

function drawOne(model, noise, count, item, image) {
  const size = model.latentSize;
  const total = noise.length / (count * size);
  if (!Number.isInteger(total))
    throw new Error(`noise has ${noise.length} numbers; expected T x ${count} x ${size}`);
  const steps = [];
  for (let t = 0; t < total; t++) {
    const start = (t * count + item) * size;
    const state = steps.at(-1) ?? initial(model);
    steps.push(step(model, state, noise.subarray(start, start + size), image));
  }
  return { model, image, steps };
}

/**
 * Standard normal noise (T, n, z) whose steps have a correlation r: sqrt(r) e_0 + sqrt(1 - r) e_t;
 * `model.noiseCorrelation` where an image is read, else `model.generationNoiseCorrelation`.
 */
export function drawNoise(model, count, correlation, steps = model.steps, random = Math.random) {
  const width = count * model.latentSize;
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const shared = Float64Array.from({ length: width }, normal);
  const [old, fresh] = [Math.sqrt(correlation), Math.sqrt(1 - correlation)];
  return Float64Array.from({ length: steps * width }, (_, i) =>
    old * shared[i % width] + fresh * normal());
}

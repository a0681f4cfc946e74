/**
 * Pictures of a step as scenes, and two pens that draw a scene: on a canvas, or as SVG.
 *
 * A scene is {width, height, raster, shapes} in CSS pixels. Its raster is a matrix of colours,
 * {x, y, cell, columns, rows, rgba}; its shapes are plain objects, see `CANVAS_PEN`.
 */

import { sigmoid } from "./rebuild.js";

export const READ = "#56b4e9"; // sky blue, dashed
export const WRITE = "#e69f00"; // orange, solid
const HALO = "rgba(0, 0, 0, 0.6)"; // under lines on pixels of any brightness
const MARGIN = 1; // image pixels around an image, for windows that reach beyond it
const SMALL = 14; // side of a glimpse or patch in cells of an image
const BETWEEN = 10; // CSS pixels between panels
const SCALES = { least: 3, most: 5 }; // CSS pixels an image pixel

/** Colours of a theme. Signed values run from purple (below zero) to green, safe for most eyes. */
export const THEMES = {
  light: {
    page: "#ffffff", text: "#1f2328", muted: "#59636e", line: "#8c959f", bar: "#9aa4af",
    negative: [118, 42, 131], zero: [247, 247, 247], positive: [27, 120, 55],
  },
  dark: {
    page: "#14181e", text: "#e9ecef", muted: "#a8b0b9", line: "#6e7681", bar: "#6b747e",
    negative: [201, 160, 220], zero: [24, 28, 34], positive: [140, 214, 140],
  },
};

/** Grey values in [0, 1], black to white as MNIST's ink. */
export function grey(values) {
  const rgba = new Uint8ClampedArray(values.length * 4);
  for (let i = 0, at = 0; i < values.length; i++, at += 4) {
    rgba[at] = rgba[at + 1] = rgba[at + 2] = values[i] * 255;
    rgba[at + 3] = 255;
  }
  return rgba;
}

/**
 * Values in [-scale, scale] from the theme's negative over its zero to its positive colour. The
 * colour goes with the square root, so that weak strokes show beside strong ones.
 */
function signed(values, scale, { negative, zero, positive }) {
  const rgba = new Uint8ClampedArray(values.length * 4);
  for (let i = 0, at = 0; i < values.length; i++, at += 4) {
    const share = Math.sqrt(Math.min(Math.abs(values[i]) / scale, 1)) || 0;
    const end = values[i] < 0 ? negative : positive;
    for (let c = 0; c < 3; c++) rgba[at + c] = zero[c] + share * (end[c] - zero[c]);
    rgba[at + 3] = 255;
  }
  return rgba;
}

/** The largest value over all steps: the colours of one drawing mean the same throughout. */
function scaleOf(drawing, key) {
  drawing.scales ??= {};
  drawing.scales[key] ??= drawing.steps.reduce((most, step) =>
    step[key].reduce((high, value) => Math.max(high, Math.abs(value)), most), 0);
  return drawing.scales[key];
}

/** A positive number to two digits, never with an exponent. */
export const plain = (value) =>
  value.toLocaleString("en", { maximumSignificantDigits: 2, useGrouping: false });

/**
 * CSS pixels an image pixel at which the panels of the model that has most stand in one row of a
 * width; on a narrow screen, at which two images do.
 */
export function scaleFor(drawings, view, width, pixels) {
  const sides = drawings.map((drawing, i) => {
    const image = Boolean(drawing.image);
    const read = Boolean(drawing.steps[0].glimpse);
    const extra = (image && view.error) + (view.difference !== "none" && !(view.difference === "model" && !i));
    return { images: 2 + image + extra, small: 1 + read };
  });
  const fits = (scale) => sides.every(({ images, small }) => {
    const cells = images * (pixels + 2 * MARGIN) + small * (SMALL + 2 * MARGIN);
    return cells * scale + (images + small) * BETWEEN <= width;
  });
  for (let scale = SCALES.most; scale >= SCALES.least; scale--) if (fits(scale)) return scale;
  const two = Math.floor((width - 2 * BETWEEN) / (2 * (pixels + 2 * MARGIN)));
  return Math.min(Math.max(two, SCALES.least), 5);
}

/** The drawings of a view, one a model that has its mode. */
export function drawingsOf(store, { models, mode, digit }) {
  return models.map((name) => store.drawing(name, mode, digit)).filter(Boolean);
}

/** The highest loss of several drawings, so that their bars can be compared. */
export function topsOf(drawings) {
  const top = (loss) =>
    Math.max(...drawings.flatMap(({ steps }) => steps.map((step) => step[loss] ?? 0)));
  return { reconstruction: top("reconstruction"), latent: top("latent") };
}

/**
 * The panels of a model at step t (from 0) under a view, in order. Each has a name, a caption, the
 * values that it shows, their side `columns`, and a scene; `placed` is the window drawn on it, and
 * `small` the window whose filters its cells are.
 */
export function panels(drawing, t, view, theme) {
  const step = drawing.steps[t];
  const { image } = drawing;
  const bounds = (key) => {
    const scale = scaleOf(drawing, key);
    return { scale, note: `±${plain(scale)}` };
  };
  const list = [];
  const add = (name, caption, values, colours, placed, small) =>
    list.push({ name, caption, values, colours, placed, small });
  const read = step.read && { ...step.read, kind: "read" };
  const written = { ...step.written, kind: "write" };
  const within = (scale) => (values) => signed(values, scale, theme);

  if (image) add("input", "Input", image, grey, read);
  if (image && view.error) add("error", "Error image, ±1", step.error, within(1), read);
  if (step.glimpse) {
    add("glimpse", "Glimpse", step.glimpse[0], grey, null, read);
    add("glimpse-error", "Its error, ±1", step.glimpse[1], within(1), null, read);
  }
  const patch = bounds("patch");
  add("patch", `Patch, ${patch.note}`, step.patch, within(patch.scale), null, written);
  const added = bounds("added");
  add("added", `Added, ${added.note} logits`, step.added, within(added.scale), written);
  add("canvas", "Canvas", step.shown, grey, written);
  const difference = differenceOf(drawing, t, view);
  if (difference) add("difference", difference.caption, difference.values, within(1), null);
  return list.map((panel) => finish(panel, view, theme));
}

/** The canvas minus what the view asks for; null where that does not exist. */
function differenceOf({ image, steps }, t, view) {
  const { shown, before } = steps[t];
  const minus = (other) => shown.map((value, i) => value - other[i]);
  if (view.difference === "step")
    return { caption: "Canvas − step before", values: minus(before.map(sigmoid)) };
  if (view.difference === "input" && image)
    return { caption: "Canvas − input", values: minus(image) };
  if (view.difference === "model" && view.first)
    return { caption: "Canvas − first model", values: minus(view.first.steps[t].shown) };
  return null;
}

function finish(panel, view, theme) {
  const columns = Math.round(Math.sqrt(panel.values.length));
  const rgba = panel.colours(panel.values);
  const scene = panel.small
    ? smallScene(rgba, columns, view, theme)
    : imageScene(rgba, columns, panel.placed, view, theme);
  return { ...panel, columns, scene };
}

/** A glimpse or a patch: cells in a frame. */
function smallScene(rgba, columns, view, theme) {
  const side = SMALL * view.scale;
  const margin = MARGIN * view.scale; // as around the images
  const raster = { x: margin, y: margin, cell: side / columns, columns, rows: columns, rgba };
  const [width, height] = [side + 2 * margin, side + margin + 1];
  return { width, height, raster, shapes: [frame(raster, theme)] };
}

/** An image with its window on top. */
function imageScene(rgba, columns, placed, view, theme) {
  const cell = view.scale;
  const start = MARGIN * cell;
  const raster = { x: start, y: start, cell, columns, rows: columns, rgba };
  const shapes = [frame(raster, theme)];
  if (placed) shapes.push(...windowShapes(placed, raster, view));
  const side = (columns + 2 * MARGIN) * cell;
  return { width: side, height: side, raster, shapes };
}

function frame({ x, y, cell, columns, rows }, theme) {
  const [width, height] = [columns * cell + 1, rows * cell + 1];
  return { kind: "rect", x: x - 0.5, y: y - 0.5, width, height, stroke: theme.line, line: 1 };
}

/**
 * A window: a band as wide as sigma along the outermost filters' centres with a thin line in it,
 * dashed for reading, and every filter's centre.
 */
function windowShapes(placed, raster, view) {
  const colour = placed.kind === "read" ? READ : WRITE;
  const dash = placed.kind === "read" ? [5, 3] : [];
  const px = (position) => raster.x + (position + 0.5) * raster.cell;
  const xs = Array.from(placed.x.centres, px);
  const ys = Array.from(placed.y.centres, px);
  const box = {
    kind: "rect", x: xs[0], y: ys[0], width: xs.at(-1) - xs[0], height: ys.at(-1) - ys[0],
  };
  const shapes = [];
  if (view.windows) {
    const band = Math.max(placed.sigma * raster.cell, 1);
    shapes.push({ ...box, stroke: colour, line: band, alpha: 0.3 });
    shapes.push({ ...box, stroke: HALO, line: 3.5 });
    shapes.push({ ...box, stroke: colour, line: 1.75, dash });
  }
  if (view.centres)
    for (const y of ys)
      for (const x of xs)
        shapes.push({ kind: "dot", x, y, radius: 1.6, fill: colour, stroke: HALO, line: 1 });
  return shapes;
}

/** Marks a cell of a panel; on an image also a filter: its spread, and its rows on both axes. */
export function highlight(panel, hover, theme) {
  const { raster } = panel.scene;
  const shapes = [];
  if (hover.filter && panel.placed?.kind === hover.filter.kind)
    shapes.push(...filterShapes(panel.placed, hover.filter, raster));
  const marked = panel.small ? hover.panel === panel.name : !hover.filter;
  if (marked) {
    const { cell } = raster;
    const box = {
      kind: "rect", x: raster.x + hover.column * cell, y: raster.y + hover.row * cell,
      width: cell, height: cell,
    };
    shapes.push({ ...box, stroke: "#000000", line: 3.5 }, { ...box, stroke: "#ffffff", line: 1.5 });
  }
  return shapes;
}

function filterShapes(placed, { row, column }, raster) {
  const colour = placed.kind === "read" ? READ : WRITE;
  const px = (position) => raster.x + (position + 0.5) * raster.cell;
  const side = raster.columns;
  const profile = (weights, index) => Array.from(weights.subarray(index * side, (index + 1) * side));
  const reach = 6 * raster.cell; // height of a row's highest weight
  const across = profile(placed.x.weights, column);
  const down = profile(placed.y.weights, row);
  const end = raster.y + side * raster.cell;
  const along = (weights, point) => {
    const top = Math.max(...weights, 1e-9);
    return weights.map((weight, i) => point(px(i), (weight / top) * reach));
  };
  const curves = [
    along(across, (x, height) => [x, end - height]),
    along(down, (y, height) => [raster.x + height, y]),
  ];
  const spread = {
    kind: "ring", x: px(placed.x.centres[column]), y: px(placed.y.centres[row]),
    radius: Math.max(placed.sigma * raster.cell, 1.5),
  };
  return [
    ...curves.flatMap((points) => [
      { kind: "line", points, stroke: HALO, line: 4 },
      { kind: "line", points, stroke: colour, line: 2 },
    ]),
    { ...spread, stroke: HALO, line: 4 },
    { ...spread, stroke: "#ffffff", line: 2 },
  ];
}

/** Bars of a loss by step, the present one marked by colour and by a triangle under it. */
export function bars(values, t, top, width, theme) {
  const height = 64;
  const base = 52;
  const slot = width / values.length;
  const shapes = values.map((value, i) => {
    const tall = Math.max(top > 0 ? (value / top) * (base - 4) : 0, 1);
    const thick = Math.min(slot * 0.72, 40);
    const x = i * slot + (slot - thick) / 2;
    return {
      kind: "rect", x, y: base - tall, width: thick, height: tall,
      fill: i === t ? theme.text : theme.bar,
    };
  });
  const middle = (t + 0.5) * slot;
  shapes.push({
    kind: "line", points: [[0, base + 0.5], [width, base + 0.5]], stroke: theme.line, line: 1,
  });
  const points = [[middle - 5, base + 10], [middle + 5, base + 10], [middle, base + 3]];
  shapes.push({ kind: "line", points, fill: theme.text });
  return { width, height, shapes };
}

// ---- pens ------------------------------------------------------------------------------------

/** How each kind of shape becomes a path. All may have stroke, line (its width), dash, fill, alpha. */
const CANVAS_PEN = {
  rect: (pen, { x, y, width, height }) => pen.rect(x, y, width, height),
  dot: (pen, { x, y, radius }) => pen.arc(x, y, radius, 0, 2 * Math.PI),
  ring: (pen, { x, y, radius }) => pen.arc(x, y, radius, 0, 2 * Math.PI),
  line: (pen, { points }) => points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y))),
};

/** A raster's colours on a canvas, by default one of its own, one pixel a cell. */
export function rasterCanvas({ columns, rows, rgba }, canvas = newCanvas(columns, rows)) {
  canvas.getContext("2d").putImageData(new ImageData(rgba, columns, rows), 0, 0);
  return canvas;
}

function newCanvas(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

const scratch = new Map(); // one canvas for each size of raster, painted over again and again

function scratchCanvas({ columns, rows }) {
  const key = `${columns}x${rows}`;
  if (!scratch.has(key)) scratch.set(key, newCanvas(columns, rows));
  return scratch.get(key);
}

/** Draw a scene on a canvas, sharp at the screen's resolution. */
export function paint(canvas, scene, extra = []) {
  const ratio = Math.max(globalThis.devicePixelRatio ?? 1, 1);
  const [width, height] = [scene.width, scene.height].map((side) => Math.round(side * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    Object.assign(canvas.style, { width: `${scene.width}px`, height: `${scene.height}px` });
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.scale(ratio, ratio);
  if (scene.raster) {
    const { x, y, cell, columns, rows } = scene.raster;
    pen.imageSmoothingEnabled = false;
    const small = rasterCanvas(scene.raster, scratchCanvas(scene.raster));
    pen.drawImage(small, x, y, columns * cell, rows * cell);
  }
  for (const shape of [...scene.shapes, ...extra]) strokeAndFill(pen, shape);
}

function strokeAndFill(pen, shape) {
  pen.globalAlpha = shape.alpha ?? 1;
  pen.beginPath();
  CANVAS_PEN[shape.kind](pen, shape);
  if (shape.fill) {
    pen.fillStyle = shape.fill;
    pen.fill();
  }
  if (shape.stroke) {
    pen.strokeStyle = shape.stroke;
    pen.lineWidth = shape.line;
    pen.setLineDash(shape.dash ?? []);
    pen.stroke();
  }
}

const SVG_PEN = {
  rect: ({ x, y, width, height }) =>
    `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`,
  dot: ({ x, y, radius }) => `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}"`,
  ring: ({ x, y, radius }) => `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}"`,
  line: ({ points, fill }) =>
    `<poly${fill ? "gon" : "line"} points="${points.map((p) => p.map(round).join(",")).join(" ")}"`,
};

const round = (number) => Math.round(number * 100) / 100;

/** A scene as the inside of an SVG. */
export function svgScene(scene, x, y) {
  const parts = [];
  if (scene.raster) parts.push(svgRaster(scene.raster));
  for (const shape of scene.shapes) {
    const dash = shape.dash?.length ? ` stroke-dasharray="${shape.dash.join(" ")}"` : "";
    const line = shape.stroke ? ` stroke="${shape.stroke}" stroke-width="${shape.line}"${dash}` : "";
    const alpha = shape.alpha === undefined ? "" : ` opacity="${shape.alpha}"`;
    parts.push(`${SVG_PEN[shape.kind](shape)} fill="${shape.fill ?? "none"}"${line}${alpha}/>`);
  }
  const clip = `<svg x="${round(x)}" y="${round(y)}" width="${scene.width}" height="${scene.height}">`;
  return `${clip}${parts.join("")}</svg>`;
}

/** A raster as an embedded PNG, enlarged so that no viewer smooths its cells. */
function svgRaster(raster) {
  const { x, y, cell, columns, rows } = raster;
  const large = newCanvas(columns * 8, rows * 8);
  const pen = large.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(rasterCanvas(raster), 0, 0, large.width, large.height);
  const box = `x="${x}" y="${y}" width="${round(columns * cell)}" height="${round(rows * cell)}"`;
  return `<image ${box} href="${large.toDataURL()}"/>`;
}

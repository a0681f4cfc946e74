/** The present view as a picture of its own: SVG, PNG, or PNGs of all steps for an animation. */

import { bars, drawingsOf, panels, READ, svgScene, topsOf, WRITE } from "./pictures.js";

const GAP = 12;
const SCALE = 5; // CSS pixels an image pixel
const FONT = "system-ui, 'DejaVu Sans', sans-serif";

/** The view as one SVG: a title, and for each model its panels, windows in numbers, and bars. */
export function composeSvg(store, state, theme, title, describe) {
  const drawings = drawingsOf(store, state);
  const tops = topsOf(drawings);
  const cards = drawings.map((drawing, i) => {
    const view = { ...state, scale: SCALE, first: i ? drawings[0] : null };
    return { drawing, list: panels(drawing, state.step - 1, view, theme) };
  });
  const widths = cards.map(({ list }) =>
    list.reduce((sum, { scene }) => sum + Math.max(scene.width, 84) + GAP, -GAP));
  const width = Math.max(...widths, 560) + 2 * GAP;
  const parts = [text(GAP, 24, title, { size: 14, fill: theme.muted })];
  let y = 36;
  for (const card of cards) y = addCard(parts, card, y, width, { state, theme, tops, describe });
  const height = y + GAP;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="${FONT}"><title>${escape(title)}</title>` +
    `<rect width="100%" height="100%" fill="${theme.page}"/>${parts.join("")}</svg>`;
}

/** Appends a model's part below y; returns where it ends. */
function addCard(parts, { drawing, list }, y, width, { state, theme, tops, describe }) {
  parts.push(text(GAP, y + 16, drawing.model.title, { size: 15, fill: theme.text, weight: 600 }));
  y += 26;
  let x = GAP;
  for (const { scene, caption } of list) {
    const room = Math.max(scene.width, 84);
    parts.push(svgScene(scene, x + (room - scene.width) / 2, y));
    const middle = { size: 11, fill: theme.muted, anchor: "middle" };
    parts.push(text(x + room / 2, y + scene.height + 13, caption, middle));
    x += room + GAP;
  }
  y += Math.max(...list.map(({ scene }) => scene.height)) + 34;
  for (const [kind, line] of describe(drawing.steps[state.step - 1])) {
    const dash = kind === "read" ? ' stroke-dasharray="3 2"' : "";
    const colour = kind === "read" ? READ : WRITE;
    parts.push(`<rect x="${GAP + 1}" y="${y - 10}" width="10" height="10" fill="#333" ` +
      `stroke="${colour}" stroke-width="2"${dash}/>`);
    parts.push(text(GAP + 20, y, line, { size: 12, fill: theme.muted }));
    y += 18;
  }
  return drawing.image ? addBars(parts, drawing, y, width, { state, theme, tops }) : y;
}

function addBars(parts, drawing, y, width, { state, theme, tops }) {
  const half = (width - 3 * GAP) / 2;
  const titles = {
    reconstruction: "Reconstruction loss after each step",
    latent: "KL of each step",
  };
  Object.entries(titles).forEach(([loss, title], i) => {
    const values = drawing.steps.map((step) => step[loss]);
    const x = GAP + i * (half + GAP);
    const now = values[state.step - 1].toFixed(1);
    parts.push(text(x, y + 6, `${title}: ${now} nats`, { size: 11, fill: theme.muted }));
    parts.push(svgScene(bars(values, state.step - 1, tops[loss], half, theme), x, y + 12));
  });
  return y + 84;
}

function text(x, y, content, { size, fill, weight = 400, anchor = "start" }) {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${fill}" ` +
    `text-anchor="${anchor}">${escape(content)}</text>`;
}

const escape = (content) =>
  content.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

/** An SVG as a PNG, `scale` times as large. */
export async function toPng(svg, scale) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [scale * image.width, scale * image.height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Offer a file to the reader. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

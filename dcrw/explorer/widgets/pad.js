/** A pad to draw a digit on, with mouse or finger, and the image that a model is given of it. */

import { button, h } from "./controls.js";

const PIXELS = 28; // a side of the image that the models take
const FINE = 10; // points of the pad a pixel
const BRUSH = 2.2; // pixels
const BOX = 20; // MNIST's digits fit into a square of this side
const LEAST = 0.02; // of ink, below which a point counts as empty

/** A square to draw on; after each stroke, and at times within one, `send` gets 28 x 28 greys and
 * whether the stroke has ended. */
export class Pad {
  constructor(send) {
    this.send = send;
    this.side = PIXELS * FINE;
    this.canvas = h("canvas", {
      class: "dx-pad", width: this.side, height: this.side, role: "img",
      "aria-label": "Pad: draw a digit with the mouse or a finger",
      pointerdown: (event) => this.begin(event),
      pointermove: (event) => this.draw(event),
      pointerup: () => this.end(),
      pointercancel: () => this.end(),
    });
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this.pen, {
      lineWidth: BRUSH * FINE, lineCap: "round", lineJoin: "round", strokeStyle: "#fff",
    });
    this.fitted = h("input", { type: "checkbox", checked: true, change: () => this.show(true) });
    const clear = button("Clear", {}, () => this.clear());
    this.element = h("div", { class: "dx-draw" }, this.canvas,
      h("div", { class: "dx-fields" }, clear,
        h("label", {}, this.fitted, h("span", {}, "centred and scaled as in MNIST"))));
    this.wipe();
  }

  wipe() {
    this.pen.fillStyle = "#000";
    this.pen.fillRect(0, 0, this.side, this.side);
  }

  clear() {
    this.wipe();
    this.show(true);
  }

  place(event) {
    const scale = this.side / this.canvas.clientWidth;
    return [event.offsetX * scale, event.offsetY * scale];
  }

  begin(event) {
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.last = this.place(event);
    this.draw(event);
  }

  draw(event) {
    if (!this.last) return;
    const next = this.place(event);
    this.pen.beginPath();
    this.pen.moveTo(...this.last);
    this.pen.lineTo(...next);
    this.pen.stroke();
    this.last = next;
    this.waiting ??= setTimeout(() => this.show(false), 250);
  }

  end() {
    if (!this.last) return;
    this.last = null;
    this.show(true);
  }

  show(ended) {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.send(this.greys(), ended);
  }

  /** The drawing as an image (28 x 28) of bytes. */
  greys() {
    const ink = this.ink(this.canvas);
    const box = this.fitted.checked && boundingBox(ink, this.side);
    return average(box ? this.fit(box) : ink, this.side);
  }

  ink(canvas) {
    const { data } = canvas.getContext("2d").getImageData(0, 0, this.side, this.side);
    return Float32Array.from({ length: this.side ** 2 }, (_, i) => data[4 * i] / 255);
  }

  /** The ink scaled into MNIST's square, its centre of mass in the middle. */
  fit({ left, top, width, height }) {
    const scale = (BOX * FINE) / Math.max(width, height);
    const place = (source, x, y) => {
      const canvas = h("canvas", { width: this.side, height: this.side });
      const pen = canvas.getContext("2d");
      pen.fillRect(0, 0, this.side, this.side);
      pen.drawImage(...source, x, y, ...source.slice(3).map((size) => size * scale));
      return this.ink(canvas);
    };
    const source = [this.canvas, left, top, width, height];
    const start = (this.side - BOX * FINE) / 2;
    const [x, y] = centreOfMass(place(source, start, start), this.side);
    return place(source, start + this.side / 2 - x, start + this.side / 2 - y);
  }
}

/** The rectangle that holds all ink; null where there is none. */
function boundingBox(ink, side) {
  let [left, top, right, bottom] = [side, side, -1, -1];
  ink.forEach((value, i) => {
    if (value < LEAST) return;
    const [x, y] = [i % side, Math.floor(i / side)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  });
  if (right < left) return null;
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function centreOfMass(ink, side) {
  let [mass, x, y] = [0, 0, 0];
  ink.forEach((value, i) => {
    mass += value;
    x += value * (i % side);
    y += value * Math.floor(i / side);
  });
  return [x / mass, y / mass];
}

/** Means of FINE x FINE points as bytes. */
function average(ink, side) {
  const sums = new Float32Array(PIXELS ** 2);
  ink.forEach((value, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    sums[Math.floor(y / FINE) * PIXELS + Math.floor(x / FINE)] += value;
  });
  return Uint8Array.from(sums, (sum) => Math.round((sum / FINE ** 2) * 255));
}

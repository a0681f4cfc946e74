/** One model's part of the view: panels, windows in numbers, bars; and what is pointed at there. */

import { bars, highlight, paint, plain } from "./pictures.js";
import { h } from "./controls.js";

/** One model: its title, panels, numbers and bars. */
export class Card {
  constructor(view, name) {
    this.view = view;
    this.name = name;
    this.heading = h("h3", { class: "dx-title", "aria-level": "2" });
    this.panelRow = h("div", { class: "dx-panels" });
    this.numbers = h("ul", { class: "dx-numbers" });
    this.charts = h("div", { class: "dx-charts" });
    this.figures = new Map();
    this.element = h("div", { class: "dx-card", role: "group" },
      this.heading, this.panelRow, h("div", { class: "dx-aside" }, this.numbers, this.charts));
  }

  panel(name) {
    return this.list.find((panel) => panel.name === name);
  }

  update(drawing, list, t, tops) {
    Object.assign(this, { drawing, list, t });
    this.heading.textContent = drawing.model.title;
    this.element.setAttribute("aria-label", drawing.model.title);
    this.arrange();
    for (const panel of list) {
      const { canvas } = this.figures.get(panel.name);
      canvas.setAttribute("aria-label", this.labelOf(panel));
    }
    this.repaint();
    this.writeNumbers();
    this.drawCharts(tops);
  }

  /** One figure a panel, the two channels of the glimpse one above the other. */
  arrange() {
    const names = this.list.map((panel) => panel.name);
    if (names.join() === [...this.figures.keys()].join()) return;
    this.figures = new Map(names.map((name) => [name, this.figureOf(name)]));
    const element = (name) => this.figures.get(name).element;
    const rows = names.filter((name) => name !== "glimpse-error").map((name) =>
      name === "glimpse"
        ? h("div", { class: "dx-pair" }, element("glimpse"), element("glimpse-error"))
        : element(name));
    this.panelRow.replaceChildren(...rows);
  }

  figureOf(name) {
    const canvas = h("canvas", {
      role: "img", tabindex: -1, "data-panel": name, "data-model": this.name,
      pointermove: (event) => this.follow(event, name),
      pointerdown: (event) => this.follow(event, name),
      // what a finger has tapped stays: it has no other way to point
      pointerleave: ({ pointerType }) =>
        pointerType === "touch" || this.view.hover?.byKey || this.view.point(null),
      blur: () => this.view.hover?.byKey && this.view.point(null),
    });
    const caption = h("figcaption");
    return { element: h("figure", { class: "dx-panel" }, canvas, caption), canvas, caption };
  }

  follow(event, name) {
    const panel = this.panel(name);
    const { x, y, cell } = panel.scene.raster;
    const [across, down] = [(event.offsetX - x) / cell, (event.offsetY - y) / cell];
    const [row, column] = [Math.floor(down), Math.floor(across)];
    const inside = [row, column].every((i) => i >= 0 && i < panel.columns);
    const filter = this.view.state.centres && centreNear(panel.placed, across - 0.5, down - 0.5);
    const place = filter ? { ...this.at(panel, row, column), filter } : this.at(panel, row, column);
    this.view.point(inside || filter ? place : null);
  }

  /** What is pointed at: a pixel of an image, or a filter by its cell in a glimpse or patch. */
  at(panel, row, column) {
    const filter = panel.small ? { kind: panel.small.kind, row, column } : null;
    return { model: this.name, panel: panel.name, row, column, filter };
  }

  repaint() {
    const { hover } = this.view;
    const mine = hover && (hover.model === this.name || !hover.filter);
    for (const panel of this.list) {
      const extra = mine ? highlight(panel, hover, this.view.theme()) : [];
      paint(this.figures.get(panel.name).canvas, panel.scene, extra);
    }
  }

  /** Under each panel what it is, with its value at what is pointed at. */
  caption(hover) {
    for (const panel of this.list) {
      const value = hover && this.valueIn(panel, hover);
      this.figures.get(panel.name).caption.textContent =
        value ? `${panel.caption.split(",")[0]}: ${value}` : panel.caption;
    }
  }

  valueIn({ name, small, values, columns }, { model, panel, row, column, filter }) {
    const mine = model === this.name;
    if (!small) {
      const marked = !filter || (mine && name === panel);
      const inside = row >= 0 && row < columns && column >= 0 && column < columns;
      return marked && inside ? decimal(values[row * columns + column], 2) : "";
    }
    const cell = filter && mine && small.kind === filter.kind;
    return cell ? decimal(values[filter.row * columns + filter.column], 2) : "";
  }

  writeNumbers() {
    const lines = windowLines(this.drawing.steps[this.t]);
    const item = ([kind, line]) => h("li", { class: `dx-${kind}` }, line);
    this.numbers.replaceChildren(...lines.map(item));
  }

  drawCharts(tops) {
    const { drawing, t, view } = this;
    this.charts.hidden = !drawing.image;
    if (!drawing.image) return;
    const column = (loss) => drawing.steps.map((step) => step[loss]);
    const latent = column("latent");
    const sum = latent.slice(0, t + 1).reduce((a, b) => a + b, 0);
    const entries = [
      ["reconstruction", "L", "x", ` after this step: ${column("reconstruction")[t].toFixed(1)} nats`],
      ["latent", "KL", "", ` of this step: ${latent[t].toFixed(2)} nats; so far: ${sum.toFixed(2)}`],
    ];
    if (!this.charts.firstChild)
      this.charts.append(...entries.map(([loss]) => h("figure", { class: "dx-chart" },
        h("figcaption"), h("canvas", {
          role: "img", "data-chart": loss, "data-model": this.name,
          click: (event) => view.goTo(1 + Math.floor(
            (event.offsetX / event.target.clientWidth) * drawing.steps.length)),
        }))));
    view.chartWidth ||= this.charts.firstChild.clientWidth; // measured once: that takes long
    entries.forEach(([loss, symbol, index, text], i) => {
      const [caption, canvas] = this.charts.children[i].children;
      caption.replaceChildren(h("i", {}, symbol), h("sub", {}, index), text);
      paint(canvas, bars(column(loss), t, tops[loss], view.chartWidth || 320, view.theme()));
      canvas.setAttribute("aria-label", `${loss} loss of each step, nats: ${
        column(loss).map((value) => value.toFixed(1)).join(", ")}`);
    });
  }

  // -- words

  labelOf(panel) {
    const place = panel.placed && this.view.state.windows
      ? `; ${panel.placed.kind} window ${measures(panel.placed)}` : "";
    return `${panel.caption}, step ${this.t + 1}, ${this.drawing.model.title}${place}`;
  }

  describe() {
    const step = this.drawing.steps[this.t];
    const losses = this.drawing.image
      ? ` reconstruction loss ${step.reconstruction.toFixed(0)} nats,` +
        ` KL ${step.latent.toFixed(1)} nats;` : "";
    const read = step.read ? ` reads at ${spoken(step.read)},` : "";
    return `${this.drawing.model.title}:${losses}${read} writes at ${spoken(step.written)}.`;
  }

  valuesAt({ row, column, filter }) {
    if (filter) return this.filterAt(filter);
    const images = this.list.filter((entry) => !entry.small);
    const i = row * images[0].columns + column;
    const values = images.map(({ caption, values }) =>
      `${subject(caption)} ${decimal(values[i], 2)}`);
    return `${this.drawing.model.title}. Pixel in row ${row}, column ${column}: ${values.join(", ")}.`;
  }

  filterAt({ kind, row, column }) {
    const cells = this.list.filter(({ small }) => small?.kind === kind);
    const placed = cells[0].small;
    const [x, y] = [placed.x.centres[column], placed.y.centres[row]].map((v) => decimal(v, 1));
    const values = cells.map(({ caption, values }) =>
      `${subject(caption)} ${decimal(values[row * placed.size + column], 2)}`);
    const filter = `${kind === "read" ? "Read" : "Write"} filter in row ${row}, column ${column}`;
    const spread = `centre x ${x}, y ${y}, σ ${placed.sigma.toFixed(2)} pixels`;
    return `${this.drawing.model.title}. ${filter}: ${spread}; ${values.join(", ")}.`;
  }
}

/** A panel's name within a sentence. */
const subject = (caption) => caption.split(",")[0].toLowerCase();

/** The filter of a window whose centre is within a pixel of a place; null where there is none. */
function centreNear(placed, x, y) {
  if (!placed) return null;
  const nearest = (centres, at) =>
    centres.reduce((best, c, i) => (Math.abs(c - at) < Math.abs(centres[best] - at) ? i : best), 0);
  const [row, column] = [nearest(placed.y.centres, y), nearest(placed.x.centres, x)];
  const far = Math.hypot(placed.x.centres[column] - x, placed.y.centres[row] - y) > 0.8;
  return far ? null : { kind: placed.kind, row, column };
}

/** A number with a minus sign in place of a hyphen, and none before zero. */
function decimal(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text.replace("-", "−");
}

/** A window in numbers. */
function measures(placed) {
  const [x, y] = placed.centre.map((value) => decimal(value, 1));
  const side = ((placed.size - 1) * placed.stride).toFixed(1);
  return `centre x ${x}, y ${y}; side ${side}; σ ${placed.sigma.toFixed(2)} pixels; γ ${
    plain(placed.gamma)}`;
}

/** The windows of a step, each with its kind and its numbers. */
export function windowLines(step) {
  const lines = [["write", `Write window: ${measures(step.written)}`]];
  return step.read ? [["read", `Read window: ${measures(step.read)}`], ...lines] : lines;
}

const spoken = (placed) =>
  `column ${decimal(placed.centre[0], 0)}, row ${decimal(placed.centre[1], 0)}`;

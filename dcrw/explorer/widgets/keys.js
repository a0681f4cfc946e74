/** The explorer's keys. */

import { h } from "./controls.js";
import { clamp } from "./page.js";

/** Do what a key asks for, unless the control that has the focus uses it itself. */
export function press(view, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { target, key } = event;
  const canvas = target.closest("canvas[data-panel]");
  if (canvas && inspect(view, canvas, key)) return void event.preventDefault();
  const native = target.matches("input, select, textarea, summary");
  if (native && !(target === view.slider.element && key === " ")) return;
  if (target.matches("button") && key === " ") return;
  const act = {
    ArrowLeft: () => view.move(-1), ArrowRight: () => view.move(1), " ": () => view.toggle(),
    Home: () => view.goTo(1), End: () => view.goTo(view.last),
  }[key];
  if (!act) return;
  event.preventDefault();
  act();
}

/** On a panel: up and down to the next one, Enter to point with the arrow keys, Escape to end. */
function inspect(view, canvas, key) {
  const card = view.cards.get(canvas.dataset.model);
  const panel = card.panel(canvas.dataset.panel);
  const inspecting = view.hover?.byKey;
  if (key === "Enter" || (key === "Escape" && view.hover)) {
    const middle = Math.floor(panel.columns / 2);
    view.point(inspecting || key === "Escape" ? null
      : { ...card.at(panel, middle, middle), byKey: true });
  } else if (inspecting && key.startsWith("Arrow")) {
    const { row, column } = view.hover;
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const [down, across] = ways[key];
    const place = [row + down, column + across].map((i) => clamp(i, 0, panel.columns - 1));
    view.point({ ...card.at(panel, ...place), byKey: true });
  } else if (key === "ArrowUp" || key === "ArrowDown") {
    const all = view.canvases();
    const next = all[all.indexOf(canvas) + (key === "ArrowUp" ? -1 : 1)];
    if (next) {
      canvas.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  } else return false;
  if (view.hover) view.say(view.readout.textContent);
  return true;
}

/** The list of keys, folded. */
export function keysHelp() {
  const keys = [
    ["← →", "one step back or on"], ["Space", "play or pause"], ["Home End", "first or last step"],
    ["↑ ↓", "from panel to panel"],
    ["Enter", "on a panel: point at pixels and filters with the arrow keys; Escape ends it"],
  ];
  return h("details", { class: "dx-help" }, h("summary", {}, "Keys"),
    h("dl", {}, ...keys.flatMap(([key, text]) => [h("dt", {}, key), h("dd", {}, text)])),
    h("p", {}, "In the contact sheet the arrow keys choose a digit."));
}

/** The explorer on a page of the book: without a kernel, and without a manager of widgets. */

import { Traits, bytesOf, loadScript, register } from "./page.js";
import { initialize, render } from "./explorer.js";

const HERE = document.currentScript?.src ?? location.href; // addresses in a state start from here

/** state: the widget's traits, `data` for the script with its block, `scripts` with models' weights. */
register("explorer", async (element, { data, scripts, ...traits }) => {
  const address = (path) => new URL(path, HERE).href;
  await loadScript(address(data));
  const block = new DataView(bytesOf(globalThis.dcrwBlocks[data]).buffer);
  const own = Object.keys(scripts).length ? {
    scripts: Object.fromEntries(Object.entries(scripts).map(([k, path]) => [k, address(path)])),
    sketch: null, seed: 1234, temperature: 1, total_steps: traits.catalogue.steps,
    noise: "trained", message: "", ends: [],
  } : {};
  const model = new Traits({ ...traits, ...own, block });
  initialize({ model });
  render({ model, el: element });
});

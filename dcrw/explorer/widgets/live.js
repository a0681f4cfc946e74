/**
 * The reader's own drawing: a pad, the noise, the number of steps. In a page the model runs there;
 * with a kernel also other runs, and a GIF.
 */

import { button, h, list, row } from "./controls.js";
import { download } from "./export.js";
import { NOISES } from "./own.js";
import { Pad } from "./pad.js";
import { calm, change } from "./page.js";

const PATIENCE = 10_000; // milliseconds that a kernel may take for an answer
const LOST = ["dead", "restarting", "autorestarting", "terminating"];
const GONE = "The kernel does not answer. Restart it (menu Kernel) and run the cells again.";

/** The section with pad and settings, or null where no model is at hand. */
export function liveSection(model, view) {
  const kernel = model.get("live");
  if (!kernel && !model.get("scripts")) return null;
  const request = (values) => {
    change(model, values);
    if (kernel) wait();
  };
  const pad = new Pad((grey, ended) => request(strokeOf(model, grey, ended)));
  const message = messageLine(model);
  const parts = [noiseRow(model, request, message), ...(kernel ? [folderRow(model, request)] : []),
    message];
  const element = h("div", { class: "dx-live" }, pad.element,
    h("div", { class: "dx-live-settings" }, ...parts.map((part) => part.element)));
  if (!kernel) return { element, stop: () => message.stop() };

  // -- a kernel: it may be slow, or gone
  let waiting;
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => message.say(GONE), PATIENCE);
  };
  const receive = (content, buffers) => {
    clearTimeout(waiting);
    message.say("");
    if (content.kind === "gif") download(new Blob(buffers, { type: "image/gif" }), content.name);
  };
  const look = (_, status) => LOST.includes(status) && message.say(GONE);
  const { statusChanged } = model.widget_manager?.kernel ?? {};
  model.on("msg:custom", receive);
  statusChanged?.connect(look);
  const stop = () => {
    clearTimeout(waiting);
    model.off("msg:custom", receive);
    statusChanged?.disconnect(look);
    parts.forEach((part) => part.stop?.());
  };
  return { element, gif: button("Save as GIF", {}, () => sendFrames(model, view)), stop };
}

/** What a stroke changes: at its end the drawing is played once, and where little motion is wanted
 * it is shown as it ends. */
function strokeOf(model, grey, ended) {
  const drawn = { sketch: model.get("live") ? new DataView(grey.buffer) : grey, mode: "sketch" };
  const moves = ended && !calm();
  return { ...drawn, step: moves ? 1 : model.get("total_steps"), playing: moves };
}

/** Follow a trait from now on; returns what ends it. */
function follow(model, names, update) {
  names.forEach((name) => model.on(`change:${name}`, update));
  update();
  return () => names.forEach((name) => model.off(`change:${name}`, update));
}

function noiseRow(model, request, message) {
  const field = (name, title, limits) => {
    const take = () => {
      const value = Number(input.value);
      if (input.checkValidity()) return message.say(""), request({ [name]: value });
      const { min, max, step } = limits;
      const whole = step === 1 ? "a whole number" : "a number";
      message.say(`${title}: ${input.value || "nothing"} is not ${whole} from ${min} to ${max}; ` +
        `${model.get(name)} is kept`);
      input.value = model.get(name);
    };
    const input = h("input", {
      type: "number", required: true, ...limits, change: take,
      keydown: (event) => event.key === "Enter" && take(),
    });
    return input;
  };
  const length = field("total_steps", "T", { min: 1, max: 64, step: 1 });
  const temperature = field("temperature", "temperature", { min: 0, max: 3, step: 0.1 });
  const seed = field("seed", "seed", { min: 0, max: 2 ** 31 - 1, step: 1 });
  const fresh = button("New noise", {}, () => request({ seed: (model.get("seed") + 1) % 2 ** 31 }));
  const kind = model.get("scripts")
    ? list("Noise", "Noise", NOISES, (noise) => request({ noise })) : null;
  const fields = row("group", "Settings", "dx-fields", fresh, labelled("seed", seed),
    labelled("temperature", temperature), labelled("T, steps", length));
  const element = h("div", { class: "dx-rows" }, ...(kind ? [kind.element] : []), fields);
  const stop = follow(model, ["seed", "temperature", "total_steps", "noise"], () => {
    [seed.value, temperature.value, length.value] =
      ["seed", "temperature", "total_steps"].map((name) => model.get(name));
    kind?.update(model.get("noise"));
  });
  return { element, stop };
}

const labelled = (text, input) => h("label", {}, h("span", {}, text), input);

function folderRow(model, request) {
  const load = () => {
    model.send({ kind: "load", folder: input.value.trim() });
    request({});
  };
  const options = h("datalist", { id: `dcrw-folders-${folders++}` },
    ...model.get("folders").map((value) => h("option", { value })));
  const input = h("input", {
    type: "text", list: options.id, placeholder: "results/paper/runs/…", spellcheck: "false",
    "aria-label": "Folder of a run",
    keydown: (event) => event.key === "Enter" && load(),
  });
  const fields = [input, button("Load", {}, load), options];
  return { element: row("group", "Run folder", "dx-fields", ...fields) };
}

let folders = 0;

/** What went wrong: in the kernel, or before anything was asked of it. */
function messageLine(model) {
  const element = h("p", { class: "dx-message", role: "alert" });
  const say = (text) => {
    element.textContent = text || model.get("message") || "";
    element.hidden = !element.textContent;
  };
  const stop = follow(model, ["message"], () => say(""));
  return { element, say, stop };
}

/** Every step of the view as a PNG, for the kernel to put together. */
async function sendFrames(model, view) {
  const frames = await view.share.frames();
  model.send({ kind: "gif", name: view.share.fileName("gif") }, undefined, frames);
}

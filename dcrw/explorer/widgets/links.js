/** What a view can be, what its drawings are called, and views as fragments of the address. */

export const MODES = [
  ["reconstruct", "Reconstruct"],
  ["generate", "Generate"],
  ["interpolate", "Interpolate"],
  ["sketch", "Draw your own"],
];
export const TOGGLES = [
  ["windows", "windows"],
  ["centres", "grid centres"],
  ["error", "error image"],
];
export const DIFFERENCES = [
  ["none", "not shown"],
  ["step", "canvas − canvas of the step before"],
  ["input", "canvas − input"],
  ["model", "canvas − the first model's"],
];

export const LINK = "#explorer:";

/** What a drawing shows, as it is named in links and files: class and number of a digit, number of
 * a sample, ends and part of a line. */
export function placeOf({ labels, pairs, columns }, { mode, digit, ends }) {
  const named = (i) => `${labels[i]}-${numberOf(labels, i)}`;
  if (mode === "sketch") return {};
  if (mode === "generate") return { sample: digit + 1 };
  if (mode === "reconstruct") return { digit: labels[digit], number: numberOf(labels, digit) };
  const [from, to] = ends?.length ? ends : pairs[Math.floor(digit / columns)];
  return { from: named(from), to: named(to), part: digit % columns };
}

/** The how many of its class a digit is, from 1. */
export const numberOf = (labels, i) =>
  labels.slice(0, i + 1).filter((label) => label === labels[i]).length;

/** A drawing in words. */
export function nameOf(catalogue, view) {
  const { digit, number, sample, from, to, part } = placeOf(catalogue, view);
  if (view.mode === "sketch") return "Your drawing";
  if (view.mode === "generate") return `Sample ${sample}`;
  if (view.mode === "reconstruct") return `${/^\d?$/.test(digit) ? "Digit" : "Class"} ${digit}, number ${number}`;
  const [first, last] = [from, to].map((end) => end.split("-")[0]);
  return `From ${first} to ${last}, ${part} of ${catalogue.columns - 1} parts`;
}

/** A view as the address's fragment, which no anchor of a page begins like. */
export function toFragment(catalogue, state) {
  const shown = TOGGLES.map(([name]) => name).filter((name) => state[name]);
  const parts = {
    mode: state.mode, ...placeOf(catalogue, state), step: state.step,
    models: state.models.join(","), show: shown.join(","), difference: state.difference,
  };
  return LINK + Object.entries(parts).map(([key, value]) => `${key}=${value}`).join("&");
}

/** The traits that a fragment names, null where it is not one of ours; what is odd is left out. */
export function fromFragment(catalogue, fragment) {
  if (!fragment.startsWith(LINK)) return null;
  const parts = new URLSearchParams(fragment.slice(LINK.length));
  const traits = {};
  const pick = (key, options) =>
    options.some(([value]) => value === parts.get(key)) ? parts.get(key) : null;
  if (pick("mode", MODES)) traits.mode = parts.get("mode");
  Object.assign(traits, drawingFrom(catalogue, parts));
  if (/^\d{1,3}$/.test(parts.get("step") ?? "")) traits.step = Number(parts.get("step"));
  if (parts.get("models")) traits.models = parts.get("models").split(",");
  if (parts.has("show")) {
    const shown = parts.get("show").split(",");
    for (const [name] of TOGGLES) traits[name] = shown.includes(name);
  }
  if (pick("difference", DIFFERENCES)) traits.difference = parts.get("difference");
  return traits;
}

/** The drawing that a fragment names, as traits: the inverse of `placeOf`. */
function drawingFrom({ labels, pairs, columns }, parts) {
  const [label, number, sample, part] = ["digit", "number", "sample", "part"].map((key) =>
    /^\d{1,4}$/.test(parts.get(key) ?? "") ? Number(parts.get(key)) : null);
  const find = (wanted, nth) =>
    labels.findIndex((one, i) => one === wanted && numberOf(labels, i) === nth);
  if (sample) return { digit: sample - 1 };
  if (label !== null) {
    const found = find(label, number ?? 1);
    return found < 0 ? {} : { digit: found };
  }
  const ends = ["from", "to"].map((key) => {
    const [, one, nth] = /^(\d)-(\d{1,3})$/.exec(parts.get(key) ?? "") ?? [];
    return one === undefined ? -1 : find(Number(one), Number(nth));
  });
  if (ends.includes(-1) || part === null || part >= columns) return {};
  const known = pairs.findIndex((pair) => pair.join() === ends.join());
  return known < 0 ? { ends, digit: part } : { ends: [], digit: known * columns + part };
}

/** What a view can be, and views as fragments of the page's address. */

export const MODES = [
  ["sketch", "Your drawing"],
  ["reconstruct", "Reconstruct"],
  ["generate", "Generate"],
  ["interpolate", "Interpolate"],
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

/** A view as the address's fragment, which no anchor of a page begins like. */
export function toFragment(state) {
  const shown = TOGGLES.map(([name]) => name).filter((name) => state[name]);
  const parts = {
    mode: state.mode, digit: state.digit + 1, step: state.step, models: state.models.join(","),
    show: shown.join(","), difference: state.difference,
  };
  return LINK + Object.entries(parts).map(([key, value]) => `${key}=${value}`).join("&");
}

/** The traits that a fragment names, null where it is not one of ours; what is odd is left out. */
export function fromFragment(fragment) {
  if (!fragment.startsWith(LINK)) return null;
  const parts = new URLSearchParams(fragment.slice(LINK.length));
  const traits = {};
  const number = (key) => (/^\d{1,4}$/.test(parts.get(key) ?? "") ? Number(parts.get(key)) : null);
  const pick = (key, options) =>
    options.some(([value]) => value === parts.get(key)) ? parts.get(key) : null;
  if (pick("mode", MODES)) traits.mode = parts.get("mode");
  if (number("digit")) traits.digit = number("digit") - 1;
  if (number("step")) traits.step = number("step");
  if (parts.get("models")) traits.models = parts.get("models").split(",");
  if (parts.has("show")) {
    const shown = parts.get("show").split(",");
    for (const [name] of TOGGLES) traits[name] = shown.includes(name);
  }
  if (pick("difference", DIFFERENCES)) traits.difference = parts.get("difference");
  return traits;
}

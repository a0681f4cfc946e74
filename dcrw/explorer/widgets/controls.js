/** Native form controls, each with a label and an `update` that shows the present value. */

let rows = 0; // for unique ids

/** An element with attributes and children; an attribute that is a function becomes a listener. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A row of choices: what it is about, then the controls. */
export function row(role, title, className, ...controls) {
  const id = `dcrw-row-${rows++}`;
  return h("div", { class: "dx-row", role, "aria-labelledby": id },
    h("span", { id, class: "dx-about" }, title), h("div", { class: className }, ...controls));
}

/** One of several: radio buttons side by side. options: [[value, text], ...]. */
export function choice(title, options, set) {
  const group = `dcrw-choice-${rows}`;
  const inputs = options.map(([value]) =>
    h("input", { type: "radio", name: group, value, change: () => set(value) }));
  const labels = options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)));
  const update = (value) => inputs.forEach((input) => (input.checked = input.value === value));
  return { element: row("radiogroup", title, "dx-segments", ...labels), update };
}

/** Any of several: check boxes. */
export function several(title, options, set, className) {
  const inputs = options.map(([value]) =>
    h("input", {
      type: "checkbox", value,
      change: () => set(inputs.filter((input) => input.checked).map((input) => input.value)),
    }));
  const labels = options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)));
  const update = (values, keepOne, able) =>
    inputs.forEach((input) => {
      input.checked = values.includes(input.value);
      const last = Boolean(keepOne) && input.checked && values.length === 1;
      input.disabled = last || (able !== undefined && !able.includes(input.value));
    });
  return { element: row("group", title, className, ...labels), update };
}

/** One of several from a list; `spoken` is the whole label. */
export function list(title, spoken, options, set) {
  const select = h("select", { "aria-label": spoken, change: () => set(select.value) },
    ...options.map(([value, label]) => h("option", { value }, label)));
  const update = (value, barred = []) => {
    for (const option of select.options) option.disabled = barred.includes(option.value);
    select.value = value;
  };
  return { element: row("group", title, "dx-list", select), update };
}

/** Controls that are folded away behind a title; a click elsewhere or Escape folds them again. */
export function menu(...controls) {
  const title = h("summary");
  const element = h("details", { class: "dx-menu" }, title,
    h("div", { class: "dx-drop" }, ...controls));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    event.stopPropagation();
    element.open = false;
    title.focus();
  });
  const fold = (event) => {
    if (!element.contains(event.target)) element.open = false;
  };
  document.addEventListener("pointerdown", fold);
  const stop = () => document.removeEventListener("pointerdown", fold);
  return { element, update: (text) => (title.textContent = text), stop };
}

/** A slider over whole numbers from 1; `set` gets the number while it is dragged. */
export function slider(label, set) {
  const element = h("input", {
    type: "range", min: 1, "aria-label": label, input: () => set(Number(element.value)),
  });
  const update = (value, last, spoken) => {
    Object.assign(element, { max: last, value });
    element.setAttribute("aria-valuetext", spoken);
  };
  return { element, update };
}

export function button(text, attributes, act) {
  return h("button", { type: "button", click: act, ...attributes }, text);
}

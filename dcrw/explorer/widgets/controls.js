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
  const update = (values, keepOne) =>
    inputs.forEach((input) => {
      input.checked = values.includes(input.value);
      input.disabled = Boolean(keepOne) && input.checked && values.length === 1;
    });
  return { element: row("group", title, className, ...labels), update };
}

/** One of several from a list; `spoken` is the whole label. */
export function list(title, spoken, options, set) {
  const select = h("select", { "aria-label": spoken, change: () => set(select.value) },
    ...options.map(([value, label]) => h("option", { value }, label)));
  const update = (value) => (select.value = value);
  return { element: row("group", title, "dx-list", select), update };
}

export function button(text, attributes, act) {
  return h("button", { type: "button", click: act, ...attributes }, text);
}

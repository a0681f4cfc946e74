/**
 * What interactive figures on a page of the book share. A figure is an element that a notebook or
 * the book writes,
 *
 *   <div class="dcrw-figure" data-kind="explorer">
 *     <script type="application/json">{"step": 5, ...}</script>
 *   </div>
 *
 * and one script a kind, which says how it is shown:
 *
 *   register("explorer", (element, state) => { ... });
 *
 * `dcrw/explorer/browser.py` joins such scripts with this one, controls.js (buttons, lists, sliders)
 * and pictures.js (images on a canvas, in both themes) into one file that needs no server, and the
 * book loads it on the pages that hold the kind. The state is small: `Traits` keeps it as a widget's
 * model does, `loadScript` fetches what is large when it is asked for. What stands for a figure in
 * print and without scripts has the class `tag_still`; it goes while the page is shown with scripts.
 */

/** A widget's traits without a kernel: what anywidget gives a view, as far as views here use it. */
export class Traits {
  constructor(values) {
    this.values = { ...values };
    this.listeners = new Map();
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    for (const listener of [...(this.listeners.get(`change:${name}`) ?? [])]) listener();
  }

  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  off(event, listener) {
    const left = (this.listeners.get(event) ?? []).filter((one) => one !== listener);
    this.listeners.set(event, left);
  }

  save_changes() {}
}

/** Set traits, here and in the kernel if there is one. */
export function change(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** Show the figures of a kind that the page holds. */
export function register(kind, show) {
  const start = () => {
    for (const element of document.querySelectorAll(`.dcrw-figure[data-kind="${kind}"]`)) {
      const state = JSON.parse(element.querySelector("script").textContent);
      Promise.resolve(show(element, state)).then(
        () => document.documentElement.classList.add("dcrw-shown"),
        (error) => element.append(`This figure cannot be shown: ${error.message}`),
      );
    }
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
}

const scripts = new Map();

/** Load a script of the book once; a folder without a server allows that, and fetches not. */
export function loadScript(address) {
  if (!scripts.has(address)) {
    const loaded = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.onload = resolve;
      script.onerror = () => {
        scripts.delete(address); // it may be there when asked again
        reject(new Error(`${address} did not load`));
      };
      script.src = address;
      document.head.append(script);
    });
    scripts.set(address, loaded);
  }
  return scripts.get(address);
}

/** Bytes from base64. */
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Whether the reader wants little motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The page's theme: the book's, JupyterLab's, or else the system's. */
export function themeName() {
  const book = document.documentElement.dataset.theme;
  if (book === "light" || book === "dark") return book;
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false" ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Call `look` whenever the theme may have changed; returns what ends it. */
export function followTheme(look) {
  const observer = new MutationObserver(look);
  const attributeFilter = ["data-theme", "data-jp-theme-light"];
  for (const element of [document.documentElement, document.body])
    observer.observe(element, { attributes: true, attributeFilter });
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", look);
  return () => {
    observer.disconnect();
    media.removeEventListener("change", look);
  };
}

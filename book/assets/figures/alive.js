// Fig. 2 alive: the boxes of one step light up in turn, each with its tensor, equation and line.
dcrwFigures.register("alive", (root, state) => {
  "use strict";
  const { h, slider, film, say } = dcrwFigures;
  const steps = state.boxes[0].count;
  const view = { box: 0, step: 0 };

  const films = state.boxes.map((box) => {
    const [height, width] = box.shape.length > 1 ? box.shape.slice(-2) : [1, 1];
    const made = film({ source: box.film, count: steps, rows: box.rows, columns: box.columns, name: box.title });
    made.element.style.aspectRatio = `${box.columns * width} / ${box.rows * height}`;
    return made;
  });
  const chain = state.boxes.map((box, i) => {
    const button = h("button", { type: "button", attributes: { "aria-pressed": false } }, box.title);
    button.addEventListener("click", () => { through.set(place(i)); light(place(i)); });
    return button;
  });
  const place = (box) => view.step * films.length + box;
  const panel = h("div", { className: "lit", attributes: { "aria-live": "polite" } });
  const digit = film({ source: state.digit, rows: 1, columns: 1, name: `The test digit, a ${state.label}` });

  const inWords = (at) => `step ${Math.floor(at / films.length) + 1}, ${state.boxes[at % films.length].title}`;
  const through = slider({
    label: "Through the steps", min: 0, max: steps * films.length - 1, value: 0,
    marks: [...Array(steps).keys()].map((step) => step * films.length), say: inWords,
  }, (at) => light(at));

  /** `F_X` with its X below the line. */
  const lowered = (equation) => equation.split(/(_[XY])/).map((part) =>
    (part[0] === "_" ? h("sub", {}, part[1]) : part));

  function light(at) {
    view.step = Math.floor(at / films.length);
    view.box = at % films.length;
    const box = state.boxes[view.box];
    for (const [i, button] of chain.entries()) button.setAttribute("aria-pressed", i === view.box);
    films[view.box].show(view.step);
    const range = `${say(box.low[view.step], 2)} to ${say(box.high[view.step], 2)}`;
    panel.replaceChildren(
      h("div", { className: "tensor" }, films[view.box].element),
      h("div", {}, h("p", {}, h("b", {}, box.title), ` at step ${view.step + 1}, ${box.where}`),
        h("p", { className: "equation" }, ...lowered(box.equation)),
        h("p", {}, h("code", {}, box.code)),
        h("p", { className: "note" }, `${box.source}; ${box.shape.join(" × ")} values, ${range}; `
          + `${box.signed ? "grey" : "black"} is zero, one scale for all steps.`)));
    root.dataset.box = box.name;
  }

  root.append(
    h("p", {}, "One step of DCRW with attention in read on a test digit, box by box, with the tensors of the trained model (seed 0, fresh noise):"),
    through.element,
    h("div", { className: "chain" }, h("div", { className: "start" }, digit.element),
      ...chain.flatMap((button) => [h("span", { attributes: { "aria-hidden": "true" } }, "→"), button])),
    panel);
  light(0);
});

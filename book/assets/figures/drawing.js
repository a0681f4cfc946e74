// Fig. 4 and 5 as one figure: a slider over all steps, and links from each digit to the explorer.
dcrwFigures.register("drawing", (root, state) => {
  "use strict";
  const { h, slider, film, calm } = dcrwFigures;
  const { rows, columns, steps } = state;
  const paired = state.models.filter(({ cell }) => cell.endsWith("-fresh")).map(({ cell }) => cell);
  const films = [];
  const links = [];

  const address = ({ digit, number }, step, models) =>
    `explorer.html#explorer:mode=reconstruct&digit=${digit}&number=${number}&step=${step}&models=${models}`;

  /** A sheet whose digits lead to the explorer; `reached` ones are stops of the Tab key too. */
  function linked({ element }, models, reached) {
    const overlay = state.places.map((place, i) => {
      if (!place) return h("span", {});
      const name = `Open this ${state.labels[i]} in the explorer`;
      const link = h("a", { title: name, attributes: { "aria-label": name } });
      if (!reached) {
        link.tabIndex = -1;
        link.setAttribute("aria-hidden", "true");
      }
      links.push((step) => { link.href = address(place, step, models); });
      return link;
    });
    const grid = h("div", { className: "links" }, ...overlay);
    grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    return h("div", { className: "linked" }, element, grid);
  }

  function moving(source, name) {
    const made = film({ source, count: steps, rows, columns, name });
    films.push((step) => {
      made.show(step - 1);
      made.element.setAttribute("aria-label", `${name}, step ${step}`);
    });
    return made;
  }

  const blocks = state.models.map(({ cell, title, samples, reconstructed }) =>
    h("section", { attributes: { "data-cell": cell } }, h("p", {}, h("b", {}, title)),
      h("div", { className: "pair" },
        h("div", {}, h("p", {}, "Samples"), moving(samples, `Samples, ${title}`).element),
        h("div", {}, h("p", {}, "Reconstructions"),
          linked(moving(reconstructed, `Reconstructions, ${title}`), cell, false)))));

  let step = steps;
  const show = (next) => {
    step = next;
    for (const move of [...films, ...links]) move(step);
    for (const button of marks) button.setAttribute("aria-pressed", Number(button.value) === step);
  };
  const line = slider({
    label: "Drawing step t", min: 1, max: steps, value: steps, marks: state.marks,
    say: (value) => `${value} of ${steps}`,
  }, (value) => { stop(); show(value); });
  const go = (next) => { line.set(next); show(next); };
  const marks = state.marks.map((mark) => {
    const button = h("button", { type: "button", value: mark }, `t = ${mark}`);
    button.addEventListener("click", () => { stop(); go(mark); });
    return button;
  });

  let timer = 0;
  const play = h("button", { type: "button" }, "Play");
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "Pause";
    go(step === steps ? 1 : step + 1);
    timer = setInterval(() => { step === steps ? stop() : go(step + 1); }, calm() ? 1500 : 500);
  });

  const digits = film({ source: state.digits, rows, columns, name: "The test digits" });
  root.append(line.element,
    h("div", { className: "buttons" }, play, h("span", {}, "The paper's steps:"), ...marks),
    h("div", { className: "beside" }, ...blocks,
      h("section", {}, h("p", {}, h("b", {}, "The test digits")),
        h("div", { className: "pair" }, h("div", {}, h("p", {}, "Click one"), linked(digits, paired, true)),
          h("p", {}, "A digit opens in the explorer, at this step, with both models; a reconstruction "
            + "opens with its own model.")))),
    h("p", { className: "note" }, "Seed 0 of each model; grey values rounded to 16 levels."));
  show(steps);
});

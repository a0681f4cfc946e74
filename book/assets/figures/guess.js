// Can you tell? Twenty pictures, half of them drawn by the model.
dcrwFigures.register("guess", (root, state) => {
  "use strict";
  const { h, film, say } = dcrwFigures;
  const count = state.samples + state.digits;
  const table = h("div", { className: "guess", attributes: { role: "group", "aria-label": "Twenty pictures" } });
  const said = h("p", { className: "say", attributes: { "aria-live": "polite" } });
  const score = h("button", { type: "button" }, "See the score");
  const again = h("button", { type: "button", hidden: true }, "Twenty others");
  let pictures = [];

  const shuffled = (list) => {
    const left = [...list];
    return list.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]);
  };
  const range = (from, length) => [...Array(length).keys()].map((i) => from + i);
  const share = (value) => `${say(100 * value, 1)}%`;

  function deal() {
    const drawn = shuffled(range(0, state.samples)).slice(0, state.round);
    const real = shuffled(range(state.samples, state.digits)).slice(0, state.round);
    pictures = shuffled([...drawn, ...real]).map((index, i) => {
      const picture = film({ source: state.sheet, count, rows: 1, columns: 1, name: "" });
      picture.show(index);
      picture.element.removeAttribute("role");
      picture.element.removeAttribute("aria-label");
      const truth = h("span", { className: "truth" });
      const button = h("button", { type: "button", attributes: { "aria-pressed": false, "aria-label": `Picture ${i + 1}` } },
        picture.element, truth);
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      });
      return { button, truth, drawn: index < state.samples };
    });
    table.replaceChildren(...pictures.map(({ button }) => button));
    said.textContent = `Mark the ${state.round} pictures that you think the model drew.`;
    score.hidden = false;
    again.hidden = true;
  }

  score.addEventListener("click", () => {
    let right = 0;
    for (const { button, truth, drawn } of pictures) {
      const told = (button.getAttribute("aria-pressed") === "true") === drawn;
      right += told;
      truth.textContent = `${drawn ? "model" : "digit"} ${told ? "✓" : "✗"}`;
      button.disabled = true;
      button.dataset.told = told;
    }
    said.textContent = `You were right about ${right} of ${pictures.length}; a coin would be about ${pictures.length / 2}. `
      + `The two-sample classifier is right about ${share(state.accuracy)} of pictures that it has not seen, `
      + `and about ${share(state.binary)} of them rounded to black and white, mean over ${state.seeds} runs; `
      + `with training digits in place of samples, ${share(state.reference)}.`;
    score.hidden = true;
    again.hidden = false;
    again.focus();
  });
  again.addEventListener("click", () => {
    deal();
    pictures[0].button.focus();
  });

  root.append(said, table, h("div", { className: "buttons" }, score, again),
    h("p", { className: "note" }, "Samples of DCRW with attention in read and fresh noise, seed 0, from the prior; the first "
      + "test digits. Grey values of both rounded to 16 levels."));
  deal();
});

// The noise dial: a slider over the correlations that models were trained with.
dcrwFigures.register("dial", (root, state) => {
  "use strict";
  const { h, s, slider, choice, film, linear, logarithmic, path, say, math } = dcrwFigures;
  const [width, height, left, right, top, bottom] = [360, 300, 42, 350, 10, 258];
  const x = logarithmic(...state.rates, left, right);
  const y = linear(...state.distortions, bottom, top);
  const view = { model: 0, place: 0 };
  const correlations = state.models[0].points.map((point) => point.correlation);

  const here = s("circle", { class: "here", r: 7 });
  const moving = s("g", {});
  const plane = s("svg", { class: "plane", viewBox: `0 0 ${width} ${height}`, role: "img" },
    frame(), line(state.codebooks, "bound"), line(state.lower, "bound lower"),
    s("text", { x: right, y: y(180), "text-anchor": "end" }, "real codes: on the solid line"),
    moving, here);

  const empty = { source: "", rows: 2, columns: 2, name: "" };
  const [samples, drawn] = [film(empty), film(empty)];
  const digits = film({ source: state.digits, rows: 2, columns: 2, name: "Four test digits" });
  const losses = h("p", { className: "say", attributes: { "aria-live": "polite" } });
  const dial = slider({
    label: "Correlation ρ of the noise in training", min: 0, max: correlations.length - 1,
    value: 0, marks: [...correlations.keys()], say: (place) => inWords(correlations[place]),
  }, (place) => { view.place = place; show(); });

  root.append(
    choice({
      label: "Model", value: 0, options: state.models.map((model, i) => [i, model.title]),
    }, (model) => { view.model = model; show(); }),
    dial.element, losses,
    h("div", { className: "beside" }, h("div", {}, plane), h("div", { className: "films" },
      h("div", {}, h("p", {}, "Samples from the prior"), samples.element),
      h("div", { className: "pair" },
        h("div", {}, h("p", {}, "Reconstructions"), drawn.element),
        h("div", {}, h("p", {}, "of these digits"), digits.element)))),
    h("p", { className: "note" },
      "One run at each correlation, seed 0; losses of the last 1,000 training minibatches, nats per image. "
      + "The total under fresh noise is of the same weights on the test split."));
  show();

  function show() {
    const model = state.models[view.model];
    const point = model.points[view.place];
    const { lx, lz } = model.paper;
    here.setAttribute("cx", x(point.lz));
    here.setAttribute("cy", y(point.lx));
    moving.replaceChildren(
      s("path", { class: "way", d: path(model.points.map((one) => [x(one.lz), y(one.lx)])) }),
      ...model.points.map((one) => s("circle", { class: "other", r: 3, cx: x(one.lz), cy: y(one.lx) })),
      s("path", { class: "star", d: star(x(lz), y(lx)) }),
      s("text", { class: "star", x: x(lz) + (x(lz) > 250 ? -12 : 12), y: y(lx) + 16,
        "text-anchor": x(lz) > 250 ? "end" : "start" }, "paper"));
    const words = `ρ = ${point.correlation}: L_x ${say(point.lx)} and L_z ${say(point.lz, 2)}; `
      + `the paper prints ${say(lx)} and ${say(lz, 2)}. `
      + `Total under fresh noise: ${say(point.fresh, 0)}.`;
    losses.replaceChildren(...math(words));
    plane.setAttribute("aria-label", `L_x against L_z, ${model.title}. ${words}`);
    samples.element.style.backgroundImage = `url("${point.samples}")`;
    samples.element.setAttribute("aria-label", `Four samples, ${model.title}, ρ = ${point.correlation}`);
    drawn.element.style.backgroundImage = `url("${point.reconstructed}")`;
    drawn.element.setAttribute("aria-label", `Four reconstructions, ρ = ${point.correlation}`);
    root.dataset.cell = point.cell;
  }

  function inWords(correlation) {
    const named = { 0: "0, fresh at every step", 1: "1, one sample reused" };
    return named[correlation] ?? String(correlation);
  }

  function line(points, name) {
    return s("path", { class: name, d: path(points.map(([rate, cost]) => [x(rate), y(cost)])) });
  }

  function star(cx, cy) {
    const corners = [...Array(10).keys()].map((i) => {
      const [angle, reach] = [(Math.PI * i) / 5 - Math.PI / 2, i % 2 ? 4 : 10];
      return [cx + reach * Math.cos(angle), cy + reach * Math.sin(angle)];
    });
    return `${path(corners)}Z`;
  }

  function frame() {
    const across = [0.5, 1, 2, 5, 10, 20, 50].map((rate) =>
      s("text", { x: x(rate), y: bottom + 16, "text-anchor": "middle" }, `${rate}`));
    const up = [50, 100, 150, 200].map((cost) =>
      s("text", { x: left - 6, y: y(cost) + 4, "text-anchor": "end" }, `${cost}`));
    return s("g", {}, s("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }), ...across, ...up,
      s("text", { x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, "Lz (logarithmic)"),
      s("text", { x: 12, y: (top + bottom) / 2, "text-anchor": "middle",
        transform: `rotate(-90 12 ${(top + bottom) / 2})` }, "Lx"));
  }
});

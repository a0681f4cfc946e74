// Fig. 6 with a cursor: the losses' course, the point on the plane, and what the model drew.
dcrwFigures.register("course", (root, state) => {
  "use strict";
  const { h, s, slider, choice, film, linear, logarithmic, path, say, math } = dcrwFigures;
  const [width, height, left, right, top, bottom] = [300, 190, 40, 292, 10, 152];
  const view = { run: 0, moment: state.runs[0].moments.length - 1 };
  const body = h("div");
  let move = () => {};

  const line = (a, b, rest = {}) => s("path", { class: "axis", d: path([a, b]), ...rest });
  const words = (x, y, text, anchor = "middle") => s("text", { x, y, "text-anchor": anchor }, text);

  /** Axes with ticks: `x` and `y` are scales, each with its marks. */
  function frame(x, xs, y, ys, name, across) {
    return s("g", {}, line([left, top], [left, bottom]), line([left, bottom], [right, bottom]),
      ...xs.map((value) => words(x(value), bottom + 16, value.toLocaleString("en"), x(value) > right - 20 ? "end" : "middle")),
      ...ys.map((value) => words(left - 5, y(value) + 4, `${value}`, "end")),
      words((left + right) / 2, height - 5, across),
      s("text", { x: 11, y: (top + bottom) / 2, "text-anchor": "middle",
        transform: `rotate(-90 11 ${(top + bottom) / 2})` }, name));
  }

  const ticks = (low, high) => [1, 2, 5].flatMap((digit) => [0.1, 1, 10, 100].map((ten) => digit * ten))
    .filter((value) => value >= low && value <= high).sort((a, b) => a - b);
  // L_x is shown as it is, L_z and iterations by their logarithm.
  const SCALES = {
    lx: [linear, (low, high) => [50, 100, 150, 200, 250, 300].filter((value) => value >= low && value <= high)],
    lz: [logarithmic, ticks],
  };
  const span = (values) => [Math.min(...values) * 0.85, Math.max(...values) * 1.15];

  function plot(run, loss, name) {
    const x = logarithmic(run.iterations[0], run.iterations.at(-1), left, right);
    const [low, high] = span([...run[loss], run.paper[loss]]);
    const [scale, marked] = SCALES[loss];
    const y = scale(low, high, bottom, top);
    const marks = marked(low, high);
    const cursor = s("path", { class: "cursor" });
    const dot = s("circle", { class: "here", r: 5 });
    const level = y(run.paper[loss]);
    const drawing = s("svg", { class: "plane", viewBox: `0 0 ${width} ${height}`, role: "img" },
      frame(x, [100, 1000, 10000].filter((value) => value <= run.iterations.at(-1)), y,
        marks.length > 5 ? marks.filter((_, i) => i % 2 === 0) : marks, name, "iteration (logarithmic)"),
      line([left, level], [right, level], { class: "star-line" }),
      words(left + 4, level - 4, "paper", "start"),
      s("path", { class: "curve", d: path(run.iterations.map((value, i) => [x(value), y(run[loss][i])])) }),
      cursor, dot);
    return { drawing, show: (moment) => {
      const [at, value] = [x(run.moments[moment]), run.losses[moment][loss]];
      cursor.setAttribute("d", path([[at, top], [at, bottom]]));
      dot.setAttribute("cx", at);
      dot.setAttribute("cy", y(value));
      drawing.setAttribute("aria-label", `${name} by iteration; ${say(value, 2)} at iteration ${run.moments[moment]}`);
    } };
  }

  function plane(run) {
    const [[x, xs], [y, ys]] = [["lz", left, right], ["lx", bottom, top]].map(([loss, from, to]) => {
      const ends = span([...run[loss], run.paper[loss]]);
      const [scale, marked] = SCALES[loss];
      return [scale(...ends, from, to), marked(...ends)];
    });
    const dot = s("circle", { class: "here", r: 6 });
    const drawing = s("svg", { class: "plane", viewBox: `0 0 ${width} ${height}`, role: "img" },
      frame(x, xs, y, ys, "Lx", "Lz (logarithmic)"),
      s("path", { class: "curve", d: path(run.lz.map((value, i) => [x(value), y(run.lx[i])])) }),
      s("circle", { class: "star", r: 6, cx: x(run.paper.lz), cy: y(run.paper.lx) }),
      words(x(run.paper.lz) + (x(run.paper.lz) > right - 60 ? -9 : 9), y(run.paper.lx) + 14, "paper", x(run.paper.lz) > right - 60 ? "end" : "start"), dot);
    return { drawing, show: (moment) => {
      const { lx, lz } = run.losses[moment];
      dot.setAttribute("cx", x(lz));
      dot.setAttribute("cy", y(lx));
      drawing.setAttribute("aria-label", `The course in the plane, now at Lz ${say(lz, 2)} and Lx ${say(lx)}`);
    } };
  }

  function build() {
    const run = state.runs[view.run];
    const count = run.moments.length;
    const plots = [plot(run, "lx", "Lx"), plot(run, "lz", "Lz"), plane(run)];
    const films = [["reconstructed", "Redrawn"], ["samples", "Samples"]].map(([key, name]) => ({
      name, ...film({ source: run[key], count, rows: run.rows, columns: state.columns, name }),
    }));
    const digits = film({ source: run.digits, rows: run.rows, columns: state.columns, name: "The test digits" });
    const losses = h("p", { className: "say", attributes: { "aria-live": "polite" } });
    const titled = (name, element) => h("div", {}, h("p", {}, name), element);
    move = (moment) => {
      view.moment = moment;
      for (const one of plots) one.show(moment);
      for (const one of films) {
        one.show(moment);
        one.element.setAttribute("aria-label", `${one.name} after ${run.moments[moment]} iterations`);
      }
      const { lx, lz } = run.losses[moment];
      losses.replaceChildren(...math(
        `After ${run.moments[moment].toLocaleString("en")} iterations: L_x ${say(lx)}, L_z ${say(lz, 2)}; `
        + `the paper prints ${say(run.paper.lx)} and ${say(run.paper.lz, 2)}.`));
    };
    body.replaceChildren(
      slider({
        label: "Iteration", min: 0, max: count - 1, value: Math.min(view.moment, count - 1),
        marks: [...run.moments.keys()], say: (moment) => run.moments[moment].toLocaleString("en"),
      }, (moment) => move(moment)).element,
      losses,
      h("div", { className: "beside three" }, ...plots.map((one) => one.drawing)),
      h("div", { className: "threefold" }, ...films.map((one) => titled(one.name, one.element)),
        titled("The test digits", digits.element)),
      h("p", { className: "note" }, `Run ${run.cell}, seed ${run.seed}; losses of training minibatches, nats per image. `
        + "The same digits and the same noise at every iteration; grey values rounded to 16 levels."));
    move(Math.min(view.moment, count - 1));
  }

  root.append(choice({
    label: "Model", value: 0, options: state.runs.map((run, i) => [i, run.title]),
  }, (run) => { view.run = run; build(); }), body);
  build();
});

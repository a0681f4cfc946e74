// Verdicts to argue with: each test's seeds, its interval, and its threshold as a slider. The rules
// are those of study/claims/rules.py; study/claims/argued.py hands over what they look at.
(() => {
  "use strict";
  const { h, slider, linear, logarithmic, math, register } = dcrwFigures;
  const PLACES = 400; // of a threshold's slider

  // Where a rule turns, and on which side of it a threshold holds.
  const BORDERS = {
    below: ({ high }) => high,
    above: ({ low }) => low,
    at_most: ({ values }) => Math.max(...values),
    at_least: ({ values }) => Math.min(...values),
    within: ({ values }) => Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length),
  };
  const FROM_BELOW = ["above", "at_least"]; // these hold up to their border, the others from it on

  /** What a rule says at a threshold: true, false, or null where it cannot be judged. */
  function decide(argument, limit) {
    if (argument.holds === null) return null;
    if (!argument.given) return false;
    const border = BORDERS[argument.form](argument);
    if (argument.form === "within") return border <= Math.min(limit, argument.reach);
    if (argument.form === "below" && limit === 0) return border < 0; // an end at 0 is no difference
    return FROM_BELOW.includes(argument.form) ? border >= limit : border <= limit;
  }

  /** One word for a claim, as study/claims/verdicts.py finds it; `outcomes` are [test, holds]. */
  function verdict(outcomes) {
    if (!outcomes.length || outcomes.some(([, holds]) => holds === null)) return "untestable";
    const failing = new Set(outcomes.filter(([, holds]) => !holds).map(([test]) => test));
    if (!failing.size) return "supported";
    return failing.size < new Set(outcomes.map(([test]) => test)).size ? "partly" : "not supported";
  }

  const written = (value, digits = 3) =>
    String(Number(value.toPrecision(digits))).replace("-", "−");

  /** A border in three digits, rounded to the side on which the rule holds. */
  function roundedBorder(argument) {
    const border = BORDERS[argument.form](argument);
    if (border === 0) return "0";
    const unit = 10 ** (Math.floor(Math.log10(Math.abs(border))) - 2);
    const side = FROM_BELOW.includes(argument.form) ? Math.floor : Math.ceil;
    return written(side(border / unit - (side === Math.ceil ? 1e-9 : -1e-9)) * unit);
  }

  /** At which thresholds a rule holds, in words. */
  function margin(argument, holds) {
    if (holds === null) return "too few seeds";
    if (!argument.given) return "not in every seed in the direction claimed, whatever the threshold";
    if (argument.form === "within" && BORDERS.within(argument) > argument.reach)
      return "outside the range for one more run, whatever the threshold";
    const more = FROM_BELOW.includes(argument.form) ? "or less" : "or more";
    return `${holds ? "holds" : "would hold"} at ${roundedBorder(argument)} ${more}`;
  }

  const lines = (test, limit) => (test.arguments[0].form === "within" ? [-limit, limit] : [limit]);

  /** The part of the axis that is shown: all that is on it, and a margin. */
  function reach(test) {
    const found = test.arguments.flatMap((a) =>
      [...a.values, a.low, a.high, ...lines(test, a.limit), ...lines(test, a.holds === null ? a.limit : BORDERS[a.form](a))])
      .filter((value) => value !== null);
    const within = test.arguments[0].form === "within"; // far off is far off: dots stay at the edge
    const [low, high] = [Math.min(...found), Math.max(...found)].map((end) =>
      (within ? Math.min(Math.max(end, -1), 1) : end));
    if (test.logarithmic) return [low / 2, Math.max(1, high)];
    return [low - 0.06 * (high - low), high + 0.06 * (high - low)];
  }

  /** Tell which part of an element's width a pointer is at while it is down. */
  function dragged(element, tell) {
    const look = ({ clientX }) => {
      const { left, width } = element.getBoundingClientRect();
      tell(Math.min(Math.max((clientX - left) / width, 0), 1));
    };
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      look(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) look(event);
    });
  }

  /** Dots, interval and thresholds of one row; `move` moves the thresholds that can be moved, and
   * `tell` hears which part of the axis they are dragged to. */
  function strip(test, argument, place, tell) {
    const marks = (name) => lines(test, argument.limit).map((value) => {
      const line = h("span", { className: name });
      line.style.left = `${place(value)}%`;
      return line;
    });
    const moving = marks("threshold");
    const move = (limit) => lines(test, limit).forEach((value, i) => {
      moving[i].style.left = `${place(value)}%`;
    });
    const parts = argument.values.map((value) => {
      const dot = h("span", { className: "dot" });
      const at = place(value);
      dot.style.left = `${Math.min(Math.max(at, 0), 100)}%`;
      if (at < 0 || at > 100) dot.classList.add("beyond");
      return dot;
    });
    if (argument.low !== null) {
      const bar = h("span", { className: "interval" });
      bar.style.left = `${place(argument.low)}%`;
      bar.style.width = `${place(argument.high) - place(argument.low)}%`;
      parts.unshift(bar);
    }
    const all = [...marks("registered"), ...parts, ...moving];
    const element = h("div", { className: "strip", attributes: { "aria-hidden": "true" } }, ...all);
    dragged(element, tell);
    return { element, move };
  }

  /** One test: a row for each noise and subject, and the threshold. `moved` follows each change. */
  function panel(test, moved) {
    const [low, high] = reach(test);
    const scale = test.logarithmic ? logarithmic : linear;
    const place = scale(low, high, 0, 100);
    const registered = test.arguments[0].limit;
    const start = test.arguments[0].form === "within" ? 0 : low; // a tolerance is a distance
    const at = (k) => (test.logarithmic
      ? start * (high / start) ** (k / PLACES) : start + ((high - start) * k) / PLACES);
    const home = Math.round(scale(start, high, 0, PLACES)(registered));
    const limitAt = (k) => (k === home ? registered : Number(at(k).toPrecision(4)));

    const drag = (part) => {
      const there = test.logarithmic ? low * (high / low) ** part : low + (high - low) * part;
      const value = start === low ? there : Math.abs(there); // a tolerance is on both sides
      const k = Math.min(Math.max(Math.round(scale(start, high, 0, PLACES)(value)), 0), PLACES);
      control.set(k);
      set(k);
    };

    const rows = test.arguments.map((argument) => {
      const [badge, turn] = [h("b", { className: "word" }), h("span", { className: "margin" })];
      const interval = argument.low === null ? ""
        : `; 95% interval ${written(argument.low)} to ${written(argument.high)}`;
      const seeds = `seeds ${argument.values.map((value) => written(value)).join(", ")}${interval}`;
      const { element: drawn, move } = strip(test, argument, place, drag);
      const show = (limit) => {
        move(limit);
        const holds = decide(argument, limit);
        badge.textContent = holds === null ? "cannot be judged" : holds ? "holds" : "does not hold";
        badge.dataset.holds = holds;
        turn.textContent = margin(argument, holds);
        return [test.name, holds];
      };
      const element = h("div", { className: "lane" },
        h("div", {}, h("span", {}, `${argument.setting}, ${argument.subject}: `), badge, " ", turn),
        drawn, h("div", { className: "note" }, seeds));
      return { element, show, argument };
    });
    let limit = registered;
    const set = (k) => {
      limit = limitAt(k);
      back.hidden = limit === registered;
      moved();
    };
    const control = slider({
      label: `${test.arguments[0].form === "within" ? "Tolerance" : "Threshold"} of “${test.words}”`, min: 0, max: PLACES,
      value: home, marks: [home],
      say: (k) => `${written(limitAt(k), 4)}${k === home ? ", as registered" : ""}`,
    }, set);
    const back = h("button", { type: "button", hidden: true }, "Back to the registered one");
    back.addEventListener("click", () => {
      control.set(home);
      set(home);
      control.input.focus();
    });
    const element = h("section", { className: "test", attributes: { "data-test": test.name } },
      h("p", {}, h("b", {}, ...math(test.words)), ...math(`: ${test.axis}. Registered: ${test.rule.replace(/-(?=\d)/g, "−")}.`)),
      ...rows.map((row) => row.element),
      control.element, back);
    // The slider lies along the strips; a tolerance starts at the printed value.
    control.input.style.marginLeft = `calc(${place(start)}% - 0.5rem)`;
    return { element, outcomes: () => rows.map((row) => [row.argument.noise, ...row.show(limit)]) };
  }

  dcrwFigures.rules = { decide, verdict };

  register("verdicts", (root, state) => {
    const found = h("p", { className: "say", attributes: { "aria-live": "polite" } });
    const show = () => {
      const outcomes = panels.flatMap((one) => one.outcomes());
      const noises = [...new Set(outcomes.map(([noise]) => noise))];
      const every = state.tests.flatMap((test) => test.arguments);
      const setting = (noise) => every.find((argument) => argument.noise === noise).setting;
      found.replaceChildren(`Claim ${state.claim} by these thresholds: `, ...noises.flatMap((noise, i) => {
        const own = outcomes.filter(([other]) => other === noise).map(([, ...rest]) => rest);
        const word = h("b", { attributes: { "data-noise": noise } }, verdict(own));
        return [i ? "; " : "", `${setting(noise)} `, word];
      }), ".");
    };
    const panels = state.tests.map((test) => panel(test, () => show()));
    root.append(found, ...panels.map((one) => one.element),
      h("p", { className: "note" }, "A dot is a training run (seed), a bar the 95% interval over seeds. The "
        + "dashed line is the registered threshold; drag the solid one, or its slider."));
    show();
  });
})();

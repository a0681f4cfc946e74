// Decisions as cards: under each heading of a decision its badge and its effects, and the text folds
// out. The page itself stays as it is written: print and pages without scripts have all of it.
dcrwFigures.register("decisions", (root, state) => {
  "use strict";
  const { cards, none } = state;
  const { h, linear, say, math } = dcrwFigures;
  const all = Object.values(cards).flatMap(({ effects }) => effects);
  const ends = all.flatMap(({ difference, reach }) => [difference, -reach, reach]);
  const place = linear(Math.min(...ends), Math.max(...ends), 2, 98);

  /** One change: a bar from no difference, over the band of seeds. */
  function bar({ change, difference, reach, iterations }) {
    const band = h("span", { className: "band" });
    band.style.left = `${place(-reach)}%`;
    band.style.width = `${place(reach) - place(-reach)}%`;
    const line = h("span", { className: "effect" });
    line.style.left = `${place(Math.min(0, difference))}%`;
    line.style.width = `${Math.abs(place(difference) - place(0))}%`;
    const words = `${difference > 0 ? "+" : ""}${say(difference)} nats, seeds ±${say(reach)}`;
    return h("div", { className: "lane" },
      h("div", {}, h("code", {}, change), `: ${words}, ${iterations.toLocaleString("en")} iterations`),
      h("div", { className: "strip", attributes: { "aria-hidden": "true" } }, band, line));
  }

  function card(heading, number) {
    const section = heading.parentElement;
    const text = [...section.childNodes].slice([...section.childNodes].indexOf(heading) + 1);
    // Where no run changed the choice, the text says whether there is an effect to measure.
    const unknown = /Effect\.\s*Not measured/.test(section.textContent) ? none : "see the text";
    const { badge = unknown, effects = [] } = cards[number] ?? {};
    const details = h("details", { className: "decision" }, h("summary", {}, "Read the decision"), ...text);
    const mark = h("b", { className: "word", attributes: { "data-badge": badge } }, badge);
    section.append(h("div", { className: "dcrw-live shown decided" }, h("p", {}, mark), ...effects.map(bar)), details);
    return details;
  }

  const folded = [...document.querySelectorAll("h2")]
    .map((heading) => [heading, /^\s*(\d+)\.\s/.exec(heading.textContent)?.[1]])
    .filter(([heading, number]) => number && !heading.closest(".dcrw-live"))
    .map(([heading, number]) => card(heading, number));
  if (!folded.length) throw new Error("the page has no numbered headings");

  const open = (is) => { for (const details of folded) details.open = is; };
  const every = h("button", { type: "button", attributes: { "aria-pressed": false } }, "Open all");
  every.addEventListener("click", () => {
    const is = every.getAttribute("aria-pressed") !== "true";
    every.setAttribute("aria-pressed", is);
    every.textContent = is ? "Close all" : "Open all";
    open(is);
  });
  const counts = Object.entries(Object.groupBy
    ? Object.groupBy(folded, (details) => details.parentElement.querySelector(".word").dataset.badge) : {})
    .map(([badge, found]) => `${badge} ${found.length}`).join(", ");
  root.append(h("p", { className: "say" }, `${folded.length} decisions${counts ? `, by badge: ${counts}` : ""}. `, every),
    h("p", { className: "note" }, ...math("A bar is what one change does to L_x + L_z, against the default, "
      + "one run each; the band reaches as far as two runs of the default that differ in their seed alone. "
      + "Under shared noise the sum is no bound.")));

  /** What a link leads to is opened; print has all. */
  const reveal = () => {
    let target = null;
    try {
      target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return; // a fragment that is not one
    }
    const details = target && (target.closest("details.decision")
      ?? (target.matches("section") ? target : target.closest("section"))?.querySelector(":scope > details.decision"));
    if (details) {
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
  let before = [];
  addEventListener("beforeprint", () => { before = folded.map((details) => details.open); open(true); });
  addEventListener("afterprint", () => folded.forEach((details, i) => { details.open = before[i]; }));
});

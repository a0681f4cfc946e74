// Where a number comes from. A click on one shows it. A page may have a hundred numbers, which as
// stops of the Tab key would bury its links; so one button among the page's own makes them stops,
// and buttons, while it is pressed.
(() => {
  "use strict";
  const told = document.getElementById("dcrw-numbers");
  const article = document.querySelector("article") ?? document.body;
  if (!told || !("popover" in HTMLElement.prototype)) return; // hovering shows n and the file
  const { cited, numbers } = JSON.parse(told.textContent);
  const all = [...article.querySelectorAll(".number[data-key], .behind[data-runs]")];
  if (!all.length) return;

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const box = make("div", { id: "dcrw-provenance", tabIndex: -1, popover: "auto" });
  box.setAttribute("role", "dialog");
  document.body.append(box);
  let asked = null;

  function row(name, ...content) {
    return [make("dt", {}, name), make("dd", {}, ...content)];
  }

  function copying(words, text) {
    const button = make("button", { type: "button" }, words);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        // Not allowed here: the text is put where it can be copied by hand.
        button.replaceWith(make("textarea", { value: text, readOnly: true, rows: 3, ariaLabel: words }));
        box.querySelector("textarea").select();
      }
    });
    return button;
  }

  function describe(element) {
    const { key } = element.dataset;
    const { value, n, interval, source, command, seeds } = numbers[key];
    const sample = [n === undefined ? "" : `n = ${n}`,
      interval ? `95% interval ${interval.map((end) => Number(end.toPrecision(6))).join(" to ")}` : ""];
    const exact = typeof value === "number" ? String(Number(value.toPrecision(8))) : value;
    const about = sample.filter(Boolean).join(", ");
    const citation = `${cited}: ${key} = ${exact}${about ? ` (${about})` : ""}${source ? `, from ${source}` : ""}.`;
    const parts = [...row("Value", exact)];
    if (about) parts.push(...row("Sample", about));
    if (seeds) {
      parts.push(...row("By seed", make("ul", {}, ...seeds.map((one) => make("li", {},
        `${one.seed}: ${Number(one.value.toPrecision(6))}, `, make("code", {}, one.run),
        ` at ${one.commit.slice(0, 7)}`)))));
    }
    if (source) parts.push(...row("From", make("code", {}, source)));
    if (command) parts.push(...row("Again", make("code", {}, command)));
    parts.push(...row("Key", make("code", {}, key)));
    const buttons = [copying("Copy a citation", citation)];
    if (command) buttons.push(copying("Copy the command", command));
    return ["Where this number comes from", make("dl", {}, ...parts), make("p", {}, ...buttons)];
  }

  function listRuns(element) {
    const runs = element.dataset.runs.split(" ");
    return ["Runs behind this figure", make("ul", {}, ...runs.map((run) =>
      make("li", {}, make("code", {}, run)))),
    make("p", {}, "Folders of results/*/runs: configuration, course of the losses, provenance.")];
  }

  function ask(element) {
    const [title, ...content] = element.dataset.key ? describe(element) : listRuns(element);
    const close = make("button", { type: "button", className: "close", ariaLabel: "Close" }, "×");
    close.addEventListener("click", () => box.hidePopover());
    box.setAttribute("aria-label", title);
    box.replaceChildren(make("p", {}, make("b", {}, title), close), ...content);
    asked = element;
    box.showPopover();
    const at = element.getBoundingClientRect();
    const { offsetWidth: wide, offsetHeight: high } = box;
    const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - wide - 8));
    const top = at.bottom + high + 8 < innerHeight ? at.bottom + 4 : Math.max(8, at.top - high - 4);
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${top + scrollY}px`; // it scrolls with the page
    box.focus({ preventScroll: true });
  }

  box.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && asked?.hasAttribute("tabindex")) asked.focus();
  });
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") box.hidePopover(); });
  article.addEventListener("click", (event) => {
    const element = event.target.closest(".number[data-key], .behind[data-runs]");
    if (element && !element.closest("a, summary, label")) ask(element);
  });
  article.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key) || !all.includes(event.target)) return;
    event.preventDefault();
    ask(event.target);
  });

  const toggle = make("button", { type: "button", className: "btn btn-sm dcrw-ask", ariaPressed: "false",
    title: "Numbers: where each comes from (makes them stops of the Tab key)" }, "№");
  toggle.setAttribute("aria-label", "Numbers: where each comes from");
  toggle.addEventListener("click", () => {
    const on = toggle.ariaPressed !== "true";
    toggle.ariaPressed = String(on);
    document.documentElement.classList.toggle("dcrw-asking", on);
    for (const element of all) {
      if (element.closest("a, summary, label")) continue; // these have an action of their own
      if (on) {
        element.tabIndex = 0;
        element.setAttribute("role", "button");
      } else {
        element.removeAttribute("tabindex");
        element.removeAttribute("role");
      }
    }
  });
  const bar = document.querySelector(".article-header-buttons");
  if (bar) bar.prepend(toggle);
  else article.prepend(toggle);
  document.documentElement.classList.add("dcrw-numbers");
})();

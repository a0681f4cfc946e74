"""Random actions on whatever a page lets a reader press, drag, choose or fill in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIGURES = ".dcrw-explorer, .dcrw-live, details.decision"

# Events as a browser sends them. What would leave the page or save a file is left alone.
ACT = """
async ([figures, seed, count]) => {
  const next = (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const tell = (element, ...names) => {
    for (const name of names) element.dispatchEvent(new Event(name, { bubbles: true }));
  };
  const point = (element, name) => {
    const box = element.getBoundingClientRect();
    const place = { clientX: box.x + next(box.width), clientY: box.y + next(box.height) };
    const pointerType = ["mouse", "touch"][next(2)];
    const given = { ...place, pointerType, pointerId: 1, buttons: 1, bubbles: true };
    element.dispatchEvent(new PointerEvent(name, given));
  };
  const arrows = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  const keys = [...arrows, "Home", "End", " ", "Escape", "Enter"];
  const parts = "button, input, select, summary, canvas, [role=option]";
  const done = new Set();
  for (let i = 0; i < count; i++) {
    const all = [...document.querySelectorAll(figures)]
      .flatMap((root) => [...root.querySelectorAll(parts)])
      .filter((one) => one.checkVisibility() && !one.disabled && !/Save/.test(one.textContent));
    const element = all[next(all.length)];
    const kind = element.type ?? element.tagName;
    done.add(kind);
    if (kind === "select-one") {
      const able = [...element.options].filter((option) => !option.disabled);
      element.value = able[next(able.length)].value;
      tell(element, "input", "change");
    } else if (kind === "range") {
      element.value = Number(element.min) + (next(1001) / 1000) * (element.max - element.min);
      tell(element, "input", "change");
    } else if (kind === "number" || kind === "text") {
      element.value = ["", "0", "1", "3", "64", "65", "-1", "0.5", "1e9"][next(9)];
      tell(element, "input", "change");
    } else if (kind === "CANVAS") {
      for (const name of ["pointerdown", "pointermove", "pointermove", "pointerup", "pointerleave"])
        point(element, name);
    } else element.click();
    if (!next(4)) {
      const key = keys[next(keys.length)];
      element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    }
    if (!next(3)) await new Promise(requestAnimationFrame);
  }
  return [...done];
}
"""


def act(page: Page, count: int, seed: int = 1) -> set[str]:
    """Do so many random actions; returns the kinds of controls that were used."""
    return set(page.evaluate(ACT, [FIGURES, seed, count]))

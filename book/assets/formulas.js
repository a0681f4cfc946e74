// A formula that has to be scrolled is a stop of the Tab key, and no other is: some browsers see to
// that themselves, others do not.
(() => {
  "use strict";
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll("div.math").forEach((formula) => observer.observe(formula));
})();

// Runs after require.js and before embed-amd.js on pages that hold widgets.
(() => {
  // Widget modules, anywidget among them, are found here from any page depth.
  const folder = new URL("widgets/", document.currentScript.src).href;
  requirejs.config({ baseUrl: folder, waitSeconds: 60 });

  // The theme's Font Awesome would replace the icons inside `Play`, which then throws.
  window.FontAwesomeConfig = { observeMutations: false };

  // Widgets ask MathJax 2's queue, which MathJax 3 does not have, to set their labels. The labels
  // hold no TeX. MathJax replaces this global when it arrives, before or after this script.
  const Hub = { Queue() {} };
  let mathjax = window.MathJax;
  if (mathjax) mathjax.Hub = Hub;
  Object.defineProperty(window, "MathJax", {
    get: () => mathjax,
    set: (value) => {
      mathjax = value;
      mathjax.Hub = Hub;
    },
  });
})();

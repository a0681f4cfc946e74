// Runs after require.js and before embed-amd.js on pages that hold widgets.
(() => {
  // Widget modules, anywidget among them, are found here from any page depth.
  const folder = new URL("widgets/", document.currentScript.src).href;
  requirejs.config({ baseUrl: folder, waitSeconds: 60 });

  // The theme's Font Awesome would replace the icons inside `Play`, which then throws.
  window.FontAwesomeConfig = { observeMutations: false };
})();

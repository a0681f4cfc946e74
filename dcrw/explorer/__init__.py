"""The explorer: every step of a drawing, to scrub through in a page or in JupyterLab."""

"""Kernels of the pipeline keep no history, and say nothing of themselves: a cell's error is in its
notebook, and a kernel that is interrupted while it shuts down would add pages of tracebacks."""

c = get_config()  # noqa: F821
c.IPKernelApp.log_level = 50
c.HistoryManager.enabled = False

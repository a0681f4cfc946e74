"""Deep Convolutional and Recurrent Writer: a replication that can be re-run.

`dcrw.model` has the models, `dcrw.training` trains and evaluates them, `dcrw.explorer` shows what
they do. Imports point down only, in this order; none of them knows the study of the paper beside
this package.
"""

__version__ = "0.1.0"

"""Deep Convolutional and Recurrent Writer: a replication that can be re-run.

The rooms, from the ground up: `config`, `attention`, `losses`, `encoders`, `writer`, `data`,
`engine`, `runs`, `training`, `evaluation`, `numbers`, `figures`. Imports point down only.
"""

__version__ = "0.1.0"

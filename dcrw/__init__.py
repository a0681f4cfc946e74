"""Deep Convolutional and Recurrent Writer: a replication that can be re-run.

`dcrw.model` has the models, `dcrw.training` trains and evaluates them, `dcrw.explorer` shows what
they do. Imports point down only, in this order; none of them knows the study of the paper beside
this package.
"""

import getpass
import os

__version__ = "0.1.0"


def _name_the_user() -> None:
    """Torch, for the folder of its cache, and Snakemake ask for the user's name. Where a number has
    none, as in a container started with -u, they find it here."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["USER"] = f"user{os.getuid()}" if hasattr(os, "getuid") else "user"


_name_the_user()

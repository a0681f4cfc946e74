"""A finished run's explorer as one HTML file: `python -m dcrw.explorer RUN [--output FILE]`.

Without `--output` the file is named after the run, lies in the current folder, and is opened in a
browser where there is a screen.
"""

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from dcrw.explorer.gallery import ExplorerError
from dcrw.explorer.standalone import write_page
from dcrw.model.config import ConfigError
from dcrw.training.data import DataError
from dcrw.training.files import RunError
from dcrw.training.run import Run


def main(arguments: Sequence[str]) -> int:
    """Write the file and say where it is; 1 where the run cannot be shown, with the reason."""
    given = _parser().parse_args(arguments)
    path = given.output or Path(f"{given.run.resolve().name}.html")
    try:
        write_page(
            Run(given.run.resolve()),
            path,
            given.data_root,
            given.each,
            given.seed,
            given.own_images,
        )
    except (RunError, ConfigError, DataError, ExplorerError) as error:
        print(error, file=sys.stderr)
        return 1
    print(path)
    if given.output is None and has_screen():
        webbrowser.open(path.resolve().as_uri())
    return 0


def has_screen() -> bool:
    """Whether a browser could show something: elsewhere a browser for terminals would be started,
    which runs no scripts."""
    desktop = sys.platform in ("darwin", "win32")
    return desktop or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dcrw.explorer",
        description="Write the explorer of a finished run as one HTML file that needs no network.",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a complete run")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write it")
    parser.add_argument(
        "--each",
        type=_within(1, 100),
        default=4,
        metavar="N",
        help="test images of every class; fewer where one has fewer",
    )
    parser.add_argument(
        "--seed", type=_within(0, 2**31 - 1), default=1234, metavar="S", help="of the noise"
    )
    parser.add_argument(
        "--data-root",
        default="",
        metavar="DIR",
        help="folder of MNIST/raw; else the variable DCRW_DATA, or data",
    )
    parser.add_argument(
        "--own-images",
        default="",
        metavar="PATH",
        help="your own images, where they do not lie any more as they lay in training",
    )
    return parser


def _within(low: int, high: int) -> Callable[[str], int]:
    """What reads a whole number between two."""

    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"{text}: expected a whole number from {low} to {high}"
            )
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

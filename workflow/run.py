"""Snakemake under a lock of our own.

Snakemake's lock outlives a killed process and then refuses to go on. This one is released by the
operating system, however its holder ends; a second call waits for no one and says so.
"""

import subprocess
import sys
from pathlib import Path

import filelock

COMMAND = ["--snakefile", "workflow/Snakefile", "--profile", "workflow/profiles/local"]


def main(arguments: list[str]) -> int:
    """Run Snakemake with the arguments; returns its exit status."""
    folder = Path(".snakemake")
    folder.mkdir(exist_ok=True)
    try:
        with filelock.FileLock(folder / "run.lock", timeout=0):
            command = [sys.executable, "-m", "snakemake", *arguments, *COMMAND, "--nolock"]
            return subprocess.run(command, check=False).returncode
    except filelock.Timeout:
        print(f"{folder.resolve()}: another run of the pipeline is under way", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

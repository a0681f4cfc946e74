"""Snakemake under a lock of our own, in a process group of its own.

Snakemake's lock outlives a killed process and then refuses to go on. This one is released by the
operating system with the last process that holds it: Snakemake and its jobs inherit it as their
standard input. A second call waits for no one and says so.

Ctrl-C, SIGTERM and a closed terminal are passed on to Snakemake and its jobs as Ctrl-C, since it
ends them in order after that signal alone.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LOCAL = ["--profile", "workflow/profiles/local"]  # where no other profile is asked for
COMMAND = ["--snakefile", "workflow/Snakefile", "--nolock"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 30.0  # seconds in which jobs may write checkpoints; then they are killed
POLL = 0.1


def main(arguments: list[str]) -> int:
    """Run Snakemake with the arguments; returns its exit status, 128 and the signal's number after
    a signal."""
    folder = Path(".snakemake")
    folder.mkdir(exist_ok=True)
    with (folder / "run.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder.resolve()}: another run of the pipeline is under way", file=sys.stderr)
            return 1
        os.environ.setdefault("HOME", home(folder))
        received = note_signals()
        asked = any(argument.startswith("--profile") for argument in arguments)
        arguments = arguments if asked else [*LOCAL, *arguments]
        command = [sys.executable, "-m", "snakemake", *arguments, *COMMAND]
        snakemake = subprocess.Popen(command, stdin=lock, process_group=0)
        while snakemake.poll() is None and not received:
            time.sleep(POLL)
        if received:
            print("Interrupted: ending the jobs; the same command goes on", file=sys.stderr)
        end(snakemake)
    number = received[0] if received else -min(snakemake.returncode, 0)
    return 128 + number if number else snakemake.returncode


def home(otherwise: Path) -> str:
    """The user's home; another folder where the system knows of none, since Snakemake asks."""
    try:
        return str(Path.home())
    except RuntimeError:
        return str(otherwise.resolve())


def note_signals() -> list[int]:
    """A list to which signals are added as they come.

    Those that the caller ignores, as nohup does, stay without effect here, but Snakemake does not
    inherit that: it must hear what is passed on.
    """
    received: list[int] = []
    ignored = {number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN}

    def note(number: int, _: object) -> None:
        if number not in ignored:
            received.append(number)

    for number in SIGNALS:
        signal.signal(number, note)
    return received


def end(leader: subprocess.Popen[bytes]) -> None:
    """Interrupt what is left of a process group and wait for it; kill what stays too long."""
    deadline = time.monotonic() + PATIENCE
    send(leader.pid, signal.SIGINT)
    while alive(leader) and time.monotonic() < deadline:
        time.sleep(POLL)
    send(leader.pid, signal.SIGKILL)
    leader.wait()


def alive(leader: subprocess.Popen[bytes]) -> bool:
    """Whether a process of the leader's group is left. The leader's own end is taken note of."""
    leader.poll()
    return send(leader.pid, 0)


def send(group: int, number: int) -> bool:
    """Whether there was a process to send the signal to."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A SLURM of two nodes on this machine, without accounting and without cgroups.

    python tests/local_slurm.py start FOLDER
    python tests/local_slurm.py stop FOLDER

All that it writes is below FOLDER (keys, logs, pid files), but for one link: the configuration is
linked to where SLURM looks for it by default, since a job's steps start without SLURM_CONF. Where a
configuration is there already, or the link may not be made, it refuses.
"""

import argparse
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

DEFAULT_PLACE = Path("/etc/slurm/slurm.conf")  # where Debian's SLURM looks
PROGRAMS = {  # and the Debian packages that have them
    "munged": "munge",
    "sbatch": "slurm-client",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
}
NODES = ("node1", "node2")
PATIENCE = 30.0  # seconds
POLL = 0.1
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
# Loopback alone.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny

# What needs no cgroups, no database and no second machine.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none

# A dead node is noticed soon, and is back as soon as its slurmd is.
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=300
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0,sched_interval=2

StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log

{nodes}
PartitionName=all Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""


class ClusterError(RuntimeError):
    """No cluster here; the message says what is missing."""


def missing_programs() -> str:
    """What has to be installed, as a command; empty where all is there."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = [name for program, name in PROGRAMS.items() if not shutil.which(program, path=path)]
    return f"apt-get install {' '.join(packages)}" if packages else ""


def obstacle() -> str:
    """Why no cluster can be started here, and the way out; empty where one can."""
    if missing := missing_programs():
        return f"SLURM is not installed: {missing}"
    if DEFAULT_PLACE.is_symlink():
        folder = DEFAULT_PLACE.readlink().parent
        return f"{DEFAULT_PLACE}: links to {folder}; python {Path(__file__).name} stop {folder}"
    if DEFAULT_PLACE.exists():
        return f"{DEFAULT_PLACE}: this machine has a SLURM of its own"
    if not os.access(DEFAULT_PLACE.parent, os.W_OK):
        return (
            f"{DEFAULT_PLACE.parent}: cannot be written to by {getpass.getuser()}; run it as root"
        )
    return ""


def configuration(folder: Path, ports: list[int], host: str, user: str) -> str:
    """The text of slurm.conf. ports: of slurmctld and of each node's slurmd."""
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
        "CPUs=2 RealMemory=16000"
        for name, port in zip(NODES, ports[1:], strict=True)
    )
    return CONFIGURATION.format(
        folder=folder, ports=ports, host=host, user=user, nodes=nodes, names=",".join(NODES)
    )


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """The cluster of a folder."""

    def __init__(self, folder: Path):
        self.folder = folder.resolve()

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle. Raises `ClusterError`."""
        if problem := obstacle():
            raise ClusterError(problem)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # the socket is asked for by every user
        for name in ("state", *(f"spool.{node}" for node in NODES)):
            (self.folder / name).mkdir(exist_ok=True)
        host = socket.gethostname().split(".")[0]
        text = configuration(self.folder, free_ports(1 + len(NODES)), host, getpass.getuser())
        (self.folder / "slurm.conf").write_text(text)
        DEFAULT_PLACE.symlink_to(self.folder / "slurm.conf")
        try:
            self._start_munge()
            run("slurmctld", "-c")
            for node in NODES:
                self.start_node(node)
            wait_for(lambda: self.states() == dict.fromkeys(NODES, "idle"), "the nodes to be idle")
        except BaseException:
            self.stop()
            raise

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(128))
        files = {"key-file": key, "socket": self.folder / "munge.socket"}
        files |= {f"{kind}-file": self.folder / f"munged.{kind}" for kind in ("pid", "log", "seed")}
        run("munged", "--force", *(f"--{name}={path}" for name, path in files.items()))

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        run("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill a node's slurmd: its jobs go on, and nobody hears of them."""
        os.kill(self._pid(node), signal.SIGKILL)

    def states(self) -> dict[str, str]:
        """What slurmctld thinks of each node: idle, mixed, allocated, down and so on."""
        answer = run("sinfo", "--noheader", "--Node", "--format=%N %T", check=False)
        return dict(line.split() for line in answer.splitlines() if len(line.split()) == 2)

    def jobs(self) -> dict[str, str]:
        """State of each job that slurmctld remembers."""
        answer = run("squeue", "--noheader", "--states=all", "--format=%i %T")
        return dict(line.split() for line in answer.splitlines())

    def stop(self) -> None:
        """End the jobs and the daemons, those that this folder has pid files of, and take the link
        away. Without effect where nothing runs."""
        if not self.running():
            self._unlink()
            return
        for node in NODES:
            if not self._alive(node) and self._alive("slurmctld"):
                self.start_node(node)  # it finds the orphans of the one before
                wait_for(lambda node=node: self._alive(node), f"the pid file of {node}")
        run("scancel", "--full", f"--user={getpass.getuser()}", check=False)
        deadline = time.monotonic() + 10
        while run("squeue", "--noheader", check=False) and time.monotonic() < deadline:
            time.sleep(POLL)
        for name in (*NODES, "slurmctld", "munged"):
            self._end(name)
        self._unlink()

    def running(self) -> list[str]:
        """Which of the daemons run."""
        return [name for name in (*NODES, "slurmctld", "munged") if self._alive(name)]

    def _pid(self, name: str) -> int:
        """Of a daemon, 0 where none runs."""
        try:
            return int((self.folder / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _alive(self, name: str) -> bool:
        """Whether the process of a pid file is there, and is the daemon: numbers are used again."""
        program = "slurmd" if name in NODES else name
        try:
            command = Path(f"/proc/{self._pid(name)}/cmdline").read_bytes().split(b"\0")[0]
        except FileNotFoundError:
            return False
        return Path(command.decode()).name.startswith(program)

    def _end(self, name: str) -> None:
        for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
            deadline = time.monotonic() + patience
            if self._alive(name):
                os.kill(self._pid(name), number)
            while self._alive(name) and time.monotonic() < deadline:
                time.sleep(POLL)

    def _unlink(self) -> None:
        if DEFAULT_PLACE.is_symlink() and DEFAULT_PLACE.readlink().parent == self.folder:
            DEFAULT_PLACE.unlink()


def run(*command: str, check: bool = True) -> str:
    """Output of a program. Raises `ClusterError` with what it said."""
    environment = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise ClusterError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_for(reached: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Raises `ClusterError` where something is not reached in time."""
    deadline = time.monotonic() + patience
    while not reached():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {patience:.0f} s for {what}")
        time.sleep(POLL)


def main(arguments: list[str]) -> int:
    """Start or stop the cluster of a folder; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["start", "stop"])
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    try:
        getattr(Cluster(asked.folder), asked.what)()
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

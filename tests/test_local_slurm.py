"""What of the cluster's test can be tested without a SLURM, and the profile that it proves."""

from pathlib import Path

import local_slurm
import pytest
import yaml
from local_slurm import NODES, Cluster, ClusterError, configuration

ROOT = Path(__file__).parents[1]


def test_the_configuration_names_each_node_with_its_port():
    text = configuration(Path("/tmp/a"), [1001, 1002, 1003], "here", "me")
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert settings["SlurmctldPort"] == "1001"
    assert settings["SlurmctldHost"] == "here(127.0.0.1)"
    nodes = [line for line in text.splitlines() if line.startswith("NodeName")]
    for name, port, line in zip(NODES, (1002, 1003), nodes, strict=True):
        assert line.startswith(f"NodeName={name} NodeHostname=here ") and f"Port={port} " in line
    assert settings["ProctrackType"] == "proctrack/linuxproc"
    assert settings["AccountingStorageType"] == "accounting_storage/none"
    assert settings["AuthInfo"] == "socket=/tmp/a/munge.socket"


def test_free_ports_differ():
    assert len(set(local_slurm.free_ports(5))) == 5


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(local_slurm.shutil, "which", lambda name, path: None)
    with pytest.raises(ClusterError, match="apt-get install munge slurm-client slurmctld slurmd"):
        Cluster(tmp_path).start()
    monkeypatch.setattr(local_slurm.shutil, "which", lambda name, path: name)
    own = tmp_path / "slurm.conf"
    own.touch()
    monkeypatch.setattr(local_slurm, "DEFAULT_PLACE", own)
    with pytest.raises(ClusterError, match="a SLURM of its own"):
        Cluster(tmp_path).start()
    own.unlink()
    own.symlink_to(tmp_path / "other" / "slurm.conf")
    with pytest.raises(ClusterError, match=r"local_slurm\.py stop"):
        Cluster(tmp_path).start()
    Cluster(tmp_path).stop()
    assert own.is_symlink(), "another cluster's link stays"


def test_a_pid_file_of_another_program_ends_nothing(tmp_path):
    (tmp_path / "munged.pid").write_text("1\n")
    assert Cluster(tmp_path).running() == []


def test_the_profile_retries_by_itself_and_asks_the_queue():
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    assert profile["executor"] == "slurm" and profile["slurm-status-command"] == "squeue"
    assert profile["restart-times"] == 2
    for name in ("rerun-incomplete", "keep-going", "slurm-no-account", "slurm-no-requeue"):
        assert profile[name] is True


def test_the_test_on_a_cluster_fits_the_code_that_it_tests():
    import cluster_check

    loop = (ROOT / "dcrw/training/loop.py").read_text(encoding="utf-8")
    assert loop.count(cluster_check.LINE) == 1, "the line after which training is held"
    compile(loop.replace(cluster_check.LINE, cluster_check.HELD), "loop.py", "exec")

"""The workflow, the image and Binder's files, as far as they can be read without running them."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TARGETS = set(
    re.findall(
        r"^([a-z]\w*)[ :].*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
)


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    return yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8"))


def steps(workflow: dict[Any, Any], job: str) -> list[dict[str, Any]]:
    return workflow["jobs"][job]["steps"]


class TestWorkflow:
    def test_it_publishes_what_was_tested_and_built(self, workflow: dict[Any, Any]) -> None:
        publish = workflow["jobs"]["publish"]
        assert set(publish["needs"]) == {"test", "build"} == workflow["jobs"].keys() - {"publish"}
        assert "default_branch" in publish["if"] and "!= 'pull_request'" in publish["if"]
        (upload,) = [s for s in steps(workflow, "build") if "upload-pages" in s.get("uses", "")]
        assert upload["with"]["path"] == "_build/html"

    def test_its_commands_are_there(self, workflow: dict[Any, Any]) -> None:
        commands = [
            s["run"] for job in workflow["jobs"] for s in steps(workflow, job) if "run" in s
        ]
        assert sorted(commands) == ["bash .ci/run", "make book"]
        assert (ROOT / ".ci/run").is_file() and "book" in TARGETS

    def test_it_names_no_repository(self, workflow: dict[Any, Any]) -> None:
        text = (ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8")
        assert "github.com" not in text and "github.io" not in text
        used = [s["uses"] for job in workflow["jobs"] for s in steps(workflow, job) if "uses" in s]
        assert used and all(re.fullmatch(r"actions/[\w-]+@v\d+", name) for name in used)

    def test_only_the_last_job_may_write(self, workflow: dict[Any, Any]) -> None:
        assert workflow["permissions"] == {"contents": "read"}
        for name in ("test", "build"):
            rights = workflow["jobs"][name].get("permissions", {})
            assert set(rights.values()) <= {"read"}


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile: word and rest, continued lines joined."""
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines()]
    return [(word, rest) for word, _, rest in found]


class TestImage:
    def test_it_does_not_run_as_root(self, instructions: list[tuple[str, str]]) -> None:
        words = [word for word, _ in instructions]
        users = [rest for word, rest in instructions if word == "USER"]
        assert users == ["1000"]
        assert words.index("USER") < words.index("COPY") < words.index("CMD")
        copies = [rest for word, rest in instructions if word == "COPY"]
        assert all(rest.startswith("--chown=reader:reader ") for rest in copies)

    def test_it_copies_what_is_there(self, instructions: list[tuple[str, str]]) -> None:
        for word, rest in instructions:
            if word == "COPY":
                *sources, _ = rest.split()[1:]
                assert [name for name in sources if not (ROOT / name).exists()] == []

    def test_the_environment_has_all_that_make_asks_of_it(
        self, instructions: list[tuple[str, str]]
    ) -> None:
        """An edit of what is copied later does not install it again."""
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        rule = re.search(r"^\$\(READY\): (.*) \$\(MOVED\)$", text, re.MULTILINE)
        assert rule
        first = next(rest for word, rest in instructions if word == "COPY").split()
        assert {*rule[1].split(), "Makefile", "README.md"} <= set(first)

    def test_it_makes_the_small_replication_on_a_cpu(
        self, instructions: list[tuple[str, str]]
    ) -> None:
        found = dict(instructions)
        assert found["CMD"] == '["make", "replicate"]' and "replicate" in TARGETS
        assert found["ENV"] == "DEVICE=cpu"

    def test_what_is_committed_is_not_left_out(self) -> None:
        """What the context leaves out is what git ignores, and git's own folder."""
        listed = (ROOT / "docker/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        names = [line for line in listed if line and not line.startswith("#")]
        for name in set(names) - {".git"}:
            path = name.replace("**/", "").replace("*", "x") + "/x"
            check = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--quiet", path]
            code = subprocess.run(check, check=False, capture_output=True).returncode
            if code == 128:
                pytest.skip("needs a git checkout")
            assert code == 0, f"{name} is not ignored by git"


class TestBinder:
    def test_repo2docker_finds_the_conda_environment(self) -> None:
        """It would take a Dockerfile at the top, or a folder `binder`, before environment.yml."""
        assert (ROOT / "environment.yml").is_file()
        for name in ("Dockerfile", "binder", ".binder"):
            assert not (ROOT / name).exists()

    def test_what_it_runs_afterwards_is_a_script(self) -> None:
        script = ROOT / "postBuild"
        assert os.access(script, os.X_OK)
        assert script.read_text().startswith("#!/usr/bin/env bash\n")
        subprocess.run(["bash", "-n", str(script)], check=True)
        (imported,) = re.findall(r'python -c "(import [\w., ]+)"', script.read_text())
        compile(imported, "postBuild", "exec")

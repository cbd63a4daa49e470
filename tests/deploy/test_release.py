"""What a release rests on: a lock that is true, licences that are known, and workflows that do what .ci/run does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT
from licenses import is_permissive
from lock import differences, pins_of

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("script", [["lock.py"], ["licenses.py", "--check"]])
def test_the_lock_and_the_page_of_licences_are_true_of_this_environment(script: list[str]) -> None:
    name, *arguments = script
    ran = subprocess.run([sys.executable, PROJECT / "release" / name, *arguments], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_package_without_a_pin_another_version_and_a_stale_pin_are_told() -> None:
    pins = pins_of("# a comment\nOld_One==1\nmoved==2\nsame==3\n")
    assert differences(pins, {"moved": "2.1", "same": "3", "new": "4"}) == [
        "moved 2.1 is pinned as 2",
        "new 4 is not pinned",
        "old-one is pinned and needed by nothing",
    ]


@pytest.mark.parametrize("text", ["name>=1\n", "name==1\nName==2\n"])
def test_a_lock_holds_each_package_once_and_exactly(text: str) -> None:
    with pytest.raises(ValueError, match="is no pin, or the second one"):
        pins_of(text)


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True), ("Apache-2.0 OR GPL-3.0-only", True), ("MPL-2.0 AND MIT", False), ("", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False), ("MIT AND (GPL-2.0-only OR BSD-3-Clause)", True),
        ("GPL-3.0-or-later", False), ("whatever its text says", False),
    ],
)  # fmt: skip
def test_a_licence_is_permissive_where_one_of_its_choices_is(expression: str, permissive: bool) -> None:
    assert is_permissive(expression) is permissive


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_what_exists_at_versions_that_are_pinned(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    steps = [step for job in jobs for step in job["steps"]]
    for step in steps:
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
        for target in re.findall(r"^make ([a-z-]+)", step.get("run", ""), re.MULTILINE):
            assert target in targets
    assert all("timeout-minutes" in job for job in jobs)


def test_ci_on_the_public_host_runs_what_ci_runs_here() -> None:
    jobs = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["check"]["steps"][-1] == {"run": "bash .ci/run"}

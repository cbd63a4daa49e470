"""The recipes: each says what the project says, and what can be tried without its host is tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from conftest import PROJECT, Built
from installed import PROJECT as OURS
from installed import canonical
from lock import pins_of
from packaging.requirements import Requirement

import wellcited

SPACE = PROJECT / "recipes" / "huggingface"
UNIT = PROJECT / "recipes" / "systemd" / "wellcited.service"


def front_matter() -> dict[str, object]:
    _, head, _ = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    loaded = yaml.safe_load(head)
    assert isinstance(loaded, dict)
    return loaded


def test_a_space_installs_what_serving_asks_for_in_the_versions_of_the_lock() -> None:
    pins = pins_of((PROJECT / "constraints.txt").read_text())
    asked = [*OURS["dependencies"], *OURS["optional-dependencies"]["web"]]
    names = {canonical(Requirement(line).name) for line in asked}
    lines = (SPACE / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == {f"{name}=={pins[name]}" for name in names}
    assert front_matter()["sdk_version"] == pins["gradio"]


def test_a_space_starts_from_what_was_assembled_and_may_be_shown_by_its_host(tiny: Built, tmp_path: Path) -> None:
    space = tmp_path / "space"
    corpus = tmp_path / "guides" / "corpus"
    shutil.copytree(tiny.corpus, corpus)
    own = corpus.parent / "safety.toml"
    own.write_text("# the publisher's own rules\n")
    places = {"CORPUS": str(corpus), "INDEX": str(tiny.index)}
    subprocess.run([SPACE / "assemble", space], check=True, env={**os.environ, **places}, capture_output=True)
    assert (space / str(front_matter()["app_file"])).is_file()
    assert (space / "safety.toml").read_text() == own.read_text()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"SPACE_ID": "someone/ask", "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen([sys.executable, "app.py"], cwd=space, env={**kept, **given}, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/readyz", server)
        policy = httpx.get(url).headers["content-security-policy"]
        assert policy.endswith("frame-ancestors 'self' https://huggingface.co")
        answer = httpx.post(f"{url}/api/ask", json={"question": "How often should I descale a kettle?"}).json()
        assert answer["kind"] == "answer"
    finally:
        server.terminate()
        server.wait(20)


def test_a_folder_that_holds_something_is_no_place_for_a_space(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    ran = subprocess.run([SPACE / "assemble", tmp_path], capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr == f"assemble: {tmp_path} is not empty; name a new folder\n"


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            assert server.poll() is None
        time.sleep(0.1)
    pytest.fail(f"{url} is not ready after a minute")


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        told = "no systemd-analyze here; run: sudo apt-get install systemd"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    return found


def test_systemd_understands_every_line_of_the_unit(systemd_analyze: str, tmp_path: Path) -> None:
    unit = tmp_path / "wellcited.service"
    text = UNIT.read_text().replace("/opt/wellcited/bin/wellcited", "/bin/true")
    unit.write_text(text.replace("User=wellcited", "User=daemon").replace("Group=wellcited", "Group=daemon"))
    ran = subprocess.run([systemd_analyze, "verify", "--man=no", unit], capture_output=True, text=True)
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if unit.name in line]) == (0, [])


def test_systemd_finds_little_that_the_unit_leaves_open(systemd_analyze: str) -> None:
    # 10 of 100; what is left is the loopback address, its own root folder and a system call of ONNX Runtime's threads.
    command = [systemd_analyze, "security", "--offline=true", "--threshold=12", "--no-pager", UNIT]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-300:]


def test_the_unit_waits_longer_than_the_server_takes_to_stop() -> None:
    from wellcited.settings import Settings
    from wellcited.web.serving import GRACE_SECONDS

    longest = Settings().stop_seconds + GRACE_SECONDS
    waits = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    compose = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]["wellcited"]
    assert waits is not None
    assert int(waits[1]) > longest
    assert int(compose["stop_grace_period"].removesuffix("s")) > longest


def test_the_image_copies_only_what_its_context_holds() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    named = {name for names in copied for name in names.split()} - {"."}
    assert named <= let_in
    # A publisher's own safety rules must never be left behind.
    assert let_in - named == {"corpus", "safety.toml", "wellcited.toml"}
    assert all((PROJECT / name).exists() for name in named)


def test_the_container_s_health_check_asks_the_server_that_listens(tiny: Built, tmp_path: Path) -> None:
    found = re.search(r"HEALTHCHECK .*?CMD (\[.*?\])\n", (PROJECT / "Dockerfile").read_text(), re.DOTALL)
    assert found is not None
    _, *arguments = json.loads(found[1].replace("\\\n", ""))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = {**os.environ, "WELLCITED_PORT": port, "PYTHONPATH": str(Path(wellcited.__file__).parents[1])}

    def healthy() -> bool:
        return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True).returncode == 0

    assert not healthy()
    command = [sys.executable, "-m", "wellcited", "serve", "--index", str(tiny.index)]
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", server)
        assert healthy()
    finally:
        server.terminate()
        server.wait(20)

"""Whether an installed wellcited works: run it with that Python, away from any checkout, with the path of an index."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

QUESTION = "How long do I press?"
NOT_HERE = ("torch", "transformers", "sentence_transformers", "onnx", "bm25s", "trafilatura")
PATIENCE = 60.0


def main(index: str) -> None:
    command = [str(Path(sys.executable).with_name("wellcited"))]
    here = [name for name in NOT_HERE if importlib.util.find_spec(name)]
    assert not here, f"installed for answering, and here are: {here}"
    shown = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True).stdout.split()
    assert shown == ["wellcited", importlib.metadata.version("wellcited")], shown
    asked = [*command, "ask", QUESTION, "--index", index, "--json"]
    answer = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    assert answer["kind"] == "answer", answer
    assert answer["citations"], answer
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    server = subprocess.Popen([*command, "serve", "--index", index, "--port", port])
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/readyz", server)
        request = urllib.request.Request(  # noqa: S310 - this server's own address
            f"{url}/api/ask", json.dumps({"question": QUESTION}).encode(), {"Content-Type": "application/json"}
        )
        assert json.load(urllib.request.urlopen(request, timeout=10))["text"] == answer["text"]  # noqa: S310
        for page in ("/", "/guide", "/docs", "/embed", "/widget.js"):
            assert urllib.request.urlopen(url + page, timeout=10).status == 200  # noqa: S310
    finally:
        server.terminate()
    assert server.wait(20) == 0, server.returncode
    print(f"smoke: wellcited {shown[1]} answers, serves and stops, without torch")


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE:
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, f"the server ended with {server.returncode}"
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} is not there after {PATIENCE:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1])

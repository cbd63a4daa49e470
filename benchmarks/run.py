"""Every benchmark, one after the other: what `make bench` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INDEX = HERE.parent / "index"
SCRIPTS = [["reading.py"], ["start.py"], ["latency.py", "--index", str(INDEX)], ["answers.py"]]


def main() -> None:
    wellcited = str(Path(sys.executable).with_name("wellcited"))
    subprocess.run([wellcited, "index", "--corpus", str(HERE.parent / "corpus"), "--index", str(INDEX)], check=True)
    for script, *options in SCRIPTS:
        print(f"\n$ python benchmarks/{script}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *options], check=True)


if __name__ == "__main__":
    main()

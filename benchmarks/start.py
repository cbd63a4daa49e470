"""`wellcited ask` from process start to answer, beside the same with sentence-transformers and FAISS directly.

    python benchmarks/start.py [--runs 5]

Both answer from an index and from byte code made beforehand: pip compiles whatever it installs, this the checkout. The
runs alternate, so that whatever else the machine does weighs on both; the ratio of the medians is the figure. Peak
memory is the largest resident set of the process (ru_maxrss).
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import row

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "corpus" / "iliopsoas-guide.md"
BASELINE = ROOT / "benchmarks" / "baseline.py"
QUESTION = "How long do I press on the psoas?"
WELLCITED = [str(Path(sys.executable).with_name("wellcited"))]


def timed(command: list[str]) -> tuple[float, float]:
    """Run `command` and return its wall time in seconds and its peak resident set in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)}: exited with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    compileall.compile_dir(str(ROOT / "src"), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        index, plain = Path(folder) / "index", Path(folder) / "plain"
        started = time.perf_counter()
        subprocess.run([*WELLCITED, "index", "--corpus", str(GUIDE.parent), "--index", str(index), "--json"],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        build = time.perf_counter() - started
        subprocess.run([sys.executable, str(BASELINE), "build", str(GUIDE), str(plain)], check=True)
        ours: list[tuple[float, float]] = []
        theirs: list[tuple[float, float]] = []
        for _ in range(runs):
            ours.append(timed([*WELLCITED, "ask", QUESTION, "--index", str(index)]))
            theirs.append(timed([sys.executable, str(BASELINE), "ask", str(plain), QUESTION]))
    rows = {"wellcited ask": ours, "sentence-transformers + FAISS": theirs}
    print(f"process start to answer, {runs} alternating runs, {os.cpu_count()} cores")
    for name, figures in rows.items():
        seconds = statistics.median(second for second, _ in figures)
        print(f"  {name:32}{seconds:6.2f} s median   {max(memory for _, memory in figures):6.0f} MiB peak")
    ratio = statistics.median(second for second, _ in theirs) / statistics.median(second for second, _ in ours)
    memory = max(peak for _, peak in theirs) / max(peak for _, peak in ours)
    print(f"  {'ratio':32}{ratio:6.1f} x            {memory:6.1f} x")
    quick, peak = statistics.median(second for second, _ in ours), max(size for _, size in ours)
    row("`wellcited ask`, process start to answer", "12x faster than the baseline",
        f"{quick:.2f} s, {ratio:.1f}x faster", ratio >= 12)  # fmt: skip
    row("peak memory of `wellcited ask`", "at most 250 MiB", f"{peak:.0f} MiB", peak <= 250)
    print(f"build of the index from nothing, process start included: {build:.1f} s")


if __name__ == "__main__":
    main()

"""Every benchmark, one after the other, and benchmarks/RESULTS.md with what came of each: what `make bench` runs.

    python benchmarks/run.py [--only start.py,load.py]

A script that fails is told as failed, and the others go on; then the exit code is 1.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rows import MARK, rows_in

HERE = Path(__file__).resolve().parent
INDEX = HERE.parent / "index"
RESULTS = HERE / "RESULTS.md"
SCRIPTS = [
    ["start.py"],
    ["serving.py", "--index", str(INDEX)],
    ["latency.py", "--index", str(INDEX)],
    ["load.py", "--index", str(INDEX)],
    ["load.py", "--index", str(INDEX), "--answers", "50000", "--mix", "distinct"],
    ["installed.py"],
    ["size.py", "vectors"],
    ["reading.py"],
    ["answers.py"],
]
PACKAGES = ("onnxruntime", "faiss-cpu", "tokenizers", "gradio", "sentence-transformers", "torch")
MARKS = {True: "yes", False: "**no**", None: ""}


def machine() -> str:
    """Return what the figures were measured on, in words."""
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "?")
    memory = next((int(line.split()[1]) / 1024**2 for line in _lines("/proc/meminfo") if "MemTotal" in line), 0)
    installed = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return (
        f"{len(os.sched_getaffinity(0))} cores of {cpu}, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {installed}. Load of the machine before: {os.getloadavg()[0]:.1f}."
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text("utf-8").splitlines() if Path(path).exists() else []


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def run(command: list[str]) -> tuple[str, int]:
    """Run a script, passing on what it prints; return that, without its warnings and progress, and its exit code."""
    told = []
    with subprocess.Popen(
        [sys.executable, str(HERE / command[0]), *command[1:]], text=True, stdout=subprocess.PIPE
    ) as process:
        for line in process.stdout or ():
            told.append(line)
            if not line.startswith(MARK):
                print(line, end="", flush=True)
    return "".join(told), process.returncode


def page(where: str, found: list[tuple[str, str, int]]) -> str:
    """Return the results as Markdown: `found` has of each script its command, what it printed, and its exit code."""
    table, printed = [], []
    for command, told, code in found:
        rows = rows_in(told)
        if code or not rows:
            measured = f"**failed** with exit code {code}" if code else "see below"
            rows.append({"what": command, "goal": "", "measured": measured, "met": False if code else None})
        for one in rows:
            table.append(f"| {one['what']} | {one['goal']} | {one['measured']} | {MARKS[one['met']]} | `{command}` |")
        kept = "\n".join(line for line in told.splitlines() if not line.startswith(MARK))
        printed.append(f"## {command}\n\n```\n{kept[-4000:].strip()}\n```\n")
    today = datetime.datetime.now(datetime.UTC)
    return (
        f"# Results\n\nWritten by `make bench` on {today:%Y-%m-%d}. {where}\n\n"
        "| what | goal | measured | met | command, in benchmarks/ |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(table) + "\n\n" + "\n".join(printed)
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names of scripts, by commas")
    only = [name for name in parser.parse_args().only.split(",") if name]
    where, found = machine(), []
    wellcited = str(Path(sys.executable).with_name("wellcited"))
    subprocess.run([wellcited, "index", "--corpus", str(HERE.parent / "corpus"), "--index", str(INDEX)], check=True)
    for script, *options in SCRIPTS:
        if not (HERE / script).exists() or (only and script not in only):
            continue
        shown = " ".join([script, *(Path(one).name if one == str(INDEX) else one for one in options)])
        print(f"\n$ python benchmarks/{shown}", flush=True)
        told, code = run([script, *options])
        found.append((shown.replace(" --index index", ""), told, code))
        RESULTS.write_text(page(where, found), "utf-8")  # after each: hours of the others are not lost with the last
    print(f"\n{RESULTS.relative_to(HERE.parent)} has them all")
    sys.exit(1 if any(code for _, _, code in found) else 0)


if __name__ == "__main__":
    main()

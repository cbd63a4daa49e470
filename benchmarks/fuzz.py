"""Coverage-guided fuzzing with atheris: the guardrail's reading of a message, its rules, and the readers of a corpus.

    pip install atheris     # 3.0 has a wheel for Python 3.11; it is no dependency of ours
    python benchmarks/fuzz.py [--seconds 60] [--target words]

Each target runs for so many seconds in a process of its own. A crash, a broken promise, or an input that takes over 5
seconds ends with exit code 1 and the input in a file. Without atheris it says so and leaves it out.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import subprocess
import sys
from collections.abc import Callable

TARGETS = ("words", "triage", "markdown", "plaintext", "csv", "json", "html", "word")


def check(target: str) -> Callable[[bytes], None]:
    """Return what is done with each input; it raises where a promise is broken."""
    from wellcited.corpus.decoding import decode_text
    from wellcited.corpus.faq import parse_csv, parse_json
    from wellcited.corpus.markdown import parse_markdown
    from wellcited.corpus.plaintext import parse_plaintext
    from wellcited.corpus.webpage import parse_webpage
    from wellcited.corpus.word import parse_word
    from wellcited.errors import CorpusError
    from wellcited.safety import Guardrail
    from wellcited.safety.guardrail import FAILED
    from wellcited.safety.text import read

    guardrail = Guardrail.open()

    def words(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for word in read(text, {}).words:
            assert 0 <= word.start < word.end <= len(text)

    def triage(data: bytes) -> None:
        assert FAILED not in guardrail.triage(data.decode("utf-8", "replace")).reasons

    readers: dict[str, Callable[[bytes], object]] = {
        "markdown": lambda data: parse_markdown(decode_text(data)),
        "plaintext": lambda data: parse_plaintext(decode_text(data)),
        "csv": lambda data: parse_csv(decode_text(data)),
        "json": lambda data: parse_json(decode_text(data)),
        "html": parse_webpage,
        "word": lambda data: parse_word(io.BytesIO(data), 5),
    }

    def reading(data: bytes) -> None:
        with contextlib.suppress(CorpusError):  # refused, and told why
            readers[target](data)

    return {"words": words, "triage": triage}.get(target, reading)


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target; atheris ends the process."""
    import atheris

    with atheris.instrument_imports(include=["wellcited.safety", "wellcited.corpus"]):
        checked = check(target)
    options = [f"-max_total_time={seconds}", "-timeout=5", "-max_len=4096", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options], checked)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed (pip install atheris): coverage-guided fuzzing is left out")
        return
    if arguments.here:
        fuzz(arguments.target, arguments.seconds)
    failed = False
    for target in [arguments.target] if arguments.target else TARGETS:
        command = [sys.executable, __file__, "--here", "--target", target, "--seconds", str(arguments.seconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        tries = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        print(
            f"{target:10} {tries[0].split()[-1] if tries else '?':>9} inputs, exit code {done.returncode}", flush=True
        )
        if done.returncode:
            failed = True
            print(done.stderr[-3000:])
    sys.exit(failed)


if __name__ == "__main__":
    main()

"""`wellcited` and `python -m wellcited`: the command line as a process of its own."""

from __future__ import annotations

import gc
import os
import sys

ONE_ANSWER = "ask"


def run() -> None:
    """Run the command line; a process that gives one answer spares what only a longer life needs.

    Without the garbage collector, the threads of OpenBLAS, which wait busily for products larger than any of one
    answer, and the tear-down of the libraries at exit, `wellcited ask` takes a third less time.
    """
    quick = sys.argv[1:2] == [ONE_ANSWER]
    if quick:
        gc.disable()
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looked for in everything that is installed
    from wellcited.cli import main

    code: object = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code or 0
    if not quick or not isinstance(code, int):
        sys.exit(code)  # type: ignore[arg-type]
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:  # a full disk, or a reader that has gone
        sys.stderr.write(f"wellcited: the answer cannot be written: {error.strerror}\n")
        os._exit(1)
    os._exit(code)


if __name__ == "__main__":
    run()

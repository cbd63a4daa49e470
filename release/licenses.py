"""The licences of what wellcited installs: written to docs/licenses.md, refused where they ask for more than a notice.

python release/licenses.py            writes docs/licenses.md
python release/licenses.py --check    fails where it is not what would be written
"""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
from pathlib import Path

from installed import brought_by

PAGE = Path(__file__).resolve().parents[1] / "docs" / "licenses.md"
SETS = (
    ("", "Answering: `pip install .`"),
    ("web", "Serving, besides: `.[web]`"),
    ("mcp", "The tool for assistants, besides: `.[mcp]`"),
    ("index", "Building an index, besides: `.[index]`"),
)
PERMISSIVE = {
    *(
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "BSD",
        "CC0-1.0",
    ),
    *("CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
}
WORDS = {
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "MIT, BSD": "MIT AND BSD",
    "The BSD 2-Clause License": "BSD-2-Clause",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "BSD-3-Clause, Apache-2.0, dependency licenses": "BSD-3-Clause AND Apache-2.0",
}
"""What packages write in place of an SPDX expression."""
EXCEPTIONS = {
    "certifi": "a list of certificates; the Mozilla licence binds who changes its files, and wellcited does not",
    "orjson": "parts under the Mozilla licence, which binds who changes its files; required by Gradio",
    "pathspec": "the Mozilla licence binds who changes its files; for building alone",
    "tld": "taken under MPL-1.1, which binds who changes its files; required by trafilatura, for building alone",
    "tqdm": "parts under the Mozilla licence, which binds who changes its files; required by huggingface-hub",
}
"""What asks for more than a notice, and why it may stay all the same."""
LONGEST = 90


def licence_of(package: str) -> str:
    """Return the licence as an SPDX expression where it can be told, else what the package says, else ""."""
    told = metadata.metadata(package)
    said = told.get("License-Expression") or told.get("License") or ""
    classified = [c.rpartition(" :: ")[2] for c in told.get_all("Classifier") or () if c.startswith("License ::")]
    if not told.get("License-Expression") and (not said or "\n" in said or len(said) > LONGEST) and classified:
        said = classified[0]  # the whole text stands where its name belongs, or nothing
    return WORDS.get(said.strip(), said.strip())


def is_permissive(expression: str) -> bool:
    """Tell whether an SPDX expression, AND binding before OR, can be met by licences that ask for a notice alone."""
    if not expression:
        return False
    bare = re.sub(r"\(([^()]*)\)", lambda group: "MIT" if is_permissive(group[1]) else "refused", expression)
    return any(all(term.strip() in PERMISSIVE for term in choice.split(" AND ")) for choice in bare.split(" OR "))


def page() -> tuple[str, list[str]]:
    """Return the page, and a line for each package that may not be shipped."""
    lines = [
        "# Licences",
        "",
        "What the extras install, in the versions of constraints.txt, on Linux. Made by `make licenses`, which refuses",
        "whatever asks for more than a notice and is not among the exceptions. wellcited itself: Apache-2.0.",
    ]
    refused, seen = [], {"wellcited"}
    for extra, title in SETS:
        packages = brought_by("wellcited", [extra] if extra else ()) - seen
        seen |= packages
        lines += ["", f"## {title}", "", "| package | licence |", "| --- | --- |"]
        for package in sorted(packages):
            licence = licence_of(package)
            lines.append(f"| {package} | {licence.replace('|', '/')} |")
            if not is_permissive(licence) and package not in EXCEPTIONS:
                refused.append(f"{package}: {licence or 'no licence told'}")
    stale = sorted(name for name in EXCEPTIONS if name not in seen or is_permissive(licence_of(name)))
    refused += [f"{name}: needs no exception any more; take it out of release/licenses.py" for name in stale]
    lines += ["", "## Exceptions", "", *(f"- **{name}**: {why}." for name, why in sorted(EXCEPTIONS.items()))]
    return "\n".join(lines) + "\n", refused


def main(arguments: list[str]) -> str | None:
    text, refused = page()
    if refused:
        return "licences: " + "; ".join(refused)
    if "--check" in arguments:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            return f"{PAGE}: not what is installed; run: make licenses"
    else:
        PAGE.write_text(text, encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

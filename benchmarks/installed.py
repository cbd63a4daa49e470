"""What is installed: the answering package with web in a clean environment, and the image, packed and unpacked.

    python benchmarks/installed.py

The environment is .venv-package, which `make package` makes and tries; without it, one is made here from the pinned
versions. The image is built where buildah, podman or docker is there and `--image` is given (minutes, and the network).
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rows import row

ROOT = Path(__file__).resolve().parent.parent
READY = ROOT / ".venv-package"
MOST_MB, MOST_PACKED_MB = 600, 350
BUILDERS = ("buildah", "podman", "docker")
IMAGE = "wellcited:measured"


def megabytes(folder: Path) -> float:
    """Return what a folder takes on disk, in MB of a million bytes; a file with two names counts once."""
    sizes = {}
    for path in folder.rglob("*"):
        found = path.lstat()
        sizes[found.st_ino] = found.st_blocks * 512
    return sum(sizes.values()) / 1e6


def package() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, what = READY, "as `make package` made it"
        if not (READY / "bin" / "python").exists():
            folder, what = Path(place) / "venv", "made now"
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                       "--constraint", str(ROOT / "constraints.txt"), f"{ROOT}[web]"]  # fmt: skip
            subprocess.run(install, check=True)
        found = megabytes(folder)
        packages = [path for path in folder.rglob("site-packages/*") if path.is_dir()]
    print(f"the environment of .[web], {what}: {found:.0f} MB in {len(packages)} folders, pip among them")
    if any(path.name in ("torch", "transformers") for path in packages):
        raise SystemExit("torch or transformers is installed: this is not the answering package alone")
    row("installed size of `.[web]`", f"at most {MOST_MB} MB", f"{found:.0f} MB", found <= MOST_MB)


def image(build: bool) -> None:
    builder = next(filter(shutil.which, BUILDERS), None)
    goal = f"at most {MOST_MB} MB, {MOST_PACKED_MB} MB compressed"
    if builder is None or not build:
        why = f"no builder here ({', '.join(BUILDERS)})" if builder is None else "not built: --image builds it"
        print(f"the image: {why}")
        row("size of the image", goal, why)
        return
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "image.tar"
        subprocess.run([builder, "build", "--quiet", "--tag", IMAGE, str(ROOT)], check=True)
        if builder == "buildah":
            save = [builder, "push", "--quiet", IMAGE, f"docker-archive:{archive}"]
        else:
            save = [builder, "save", "--output", str(archive), IMAGE]
        subprocess.run(save, check=True)
        with archive.open("rb") as source, gzip.open(f"{archive}.gz", "wb", compresslevel=6) as packed:
            shutil.copyfileobj(source, packed)
        whole, small = archive.stat().st_size / 1e6, Path(f"{archive}.gz").stat().st_size / 1e6
    print(f"the image: {whole:.0f} MB, {small:.0f} MB compressed, built with {builder}")
    row(
        "size of the image",
        goal,
        f"{whole:.0f} MB, {small:.0f} MB compressed",
        whole <= MOST_MB and small <= MOST_PACKED_MB,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", action="store_true", help="build the image and measure it")
    build = parser.parse_args().image
    package()
    image(build)


if __name__ == "__main__":
    main()

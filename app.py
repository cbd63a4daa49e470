"""The server for hosts that start `app.py`: brings the index up to date, then serves the chat."""

import os
import sys

from wellcited.errors import WellcitedError
from wellcited.settings import load_settings
from wellcited.web.app import serve


def main() -> None:
    """Serve the corpus of the working directory; Gradio hosts say where to listen."""
    settings = load_settings(host=os.environ.get("GRADIO_SERVER_NAME"), port=os.environ.get("GRADIO_SERVER_PORT"))
    try:
        from wellcited.indexing import build_index

        build_index(settings=settings)
    except ModuleNotFoundError as missing:  # installed for answering only: the index came with it
        print(f"wellcited: serving the index as it is: {missing.name} is not installed", file=sys.stderr)
    # A Hugging Face Space shows the server in a frame of its own page.
    frames = ("'self'", "https://huggingface.co") if "SPACE_ID" in os.environ else ("'self'",)
    if "SPACE_ID" in os.environ and not settings.trusted_proxies:
        settings = settings.model_copy(update={"trusted_proxies": 1})  # readers come through its proxy
    serve(settings=settings, frame_ancestors=frames)


if __name__ == "__main__":
    try:
        main()
    except WellcitedError as error:
        sys.exit(f"wellcited: {error}")

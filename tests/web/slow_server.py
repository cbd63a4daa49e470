"""A server of its own process for the tests of stopping and of patience: slow_server.py PORT SETTINGS-AS-JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from fakes import FakeAssistant

from wellcited.datatypes import Answer
from wellcited.settings import Settings
from wellcited.web.app import serve


class Slow(FakeAssistant):
    """Takes as many seconds as the question's last word says."""

    def ask(self, question: str, history: Any = ()) -> Answer:
        last = question.split()[-1]
        if last.replace(".", "").isdigit():
            time.sleep(float(last))
        return super().ask(question, history)


if __name__ == "__main__":
    serve(Slow(), Settings(port=int(sys.argv[1]), **json.loads(sys.argv[2])))

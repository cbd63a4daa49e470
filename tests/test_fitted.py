"""What the default model is fitted to: the layers that stand in a bundle, opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wellcited.errors import IndexDamaged
from wellcited.fitted import TASKS, Task

DIMENSION = 8


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_a_layer_that_cannot_be_used_is_told_with_the_command_that_mends_it(
    task: Task, content: bytes | None, tmp_path: Path
) -> None:
    layer = tmp_path / task.layer_file
    if content is None:
        np.save(layer, np.zeros((DIMENSION, task.outputs + 1)))
    else:
        layer.write_bytes(content)
    with pytest.raises(IndexDamaged, match="wellcited index"):
        task.open_layer(tmp_path)

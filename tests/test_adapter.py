"""The adapter is a low-rank change of the default encoder, read from a file that ships with wellcited."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from wellcited.adapter import Adapter
from wellcited.errors import ModelError


def packed(**tables: np.ndarray) -> bytes:
    content = BytesIO()
    np.savez_compressed(content, **tables)
    return content.getvalue()


def test_a_change_is_the_product_of_its_two_thin_matrices() -> None:
    down, up = np.ones((2, 5), dtype=np.float16), np.full((3, 2), 0.5, dtype=np.float16)
    changes = Adapter(packed(**{"down/layer/0/dense": down, "up/layer/0/dense": up})).changes()
    assert list(changes) == ["layer.0.dense"]
    assert changes["layer.0.dense"].shape == (3, 5)
    assert np.allclose(changes["layer.0.dense"], 1.0)


def test_the_same_content_has_the_same_digest_and_another_another() -> None:
    one, other = packed(a=np.zeros(1)), packed(a=np.ones(1))
    assert Adapter(one).digest == Adapter(one).digest != Adapter(other).digest


@pytest.mark.parametrize("content", [b"", b"no archive", packed(a=np.zeros(9))[:40]])
def test_a_damaged_file_is_named(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"adapter\.npz cannot be read"):
        Adapter(content)


def test_the_adapter_that_ships_is_small_and_of_finite_numbers() -> None:
    changes = Adapter.open().changes()
    assert len(changes) == 36, "six layers of six linear maps"
    assert all(np.isfinite(change).all() and np.abs(change).max() < 2 for change in changes.values())

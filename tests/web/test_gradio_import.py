"""Gradio is imported quickly, and what was changed for that is as it was afterwards."""

from __future__ import annotations

import gc
import inspect

import gradio as gr
import pytest

from wellcited.web.gradio_import import without_interface_files


def test_only_the_files_of_gradio_s_classes_are_unknown_and_only_meanwhile() -> None:
    known = inspect.getfile
    with without_interface_files():
        assert not gc.isenabled()
        with pytest.raises(OSError, match="left out"):
            inspect.getfile(gr.HTML)
        assert inspect.getfile(pytest.ExitCode).endswith("__init__.py")
        assert inspect.getfile(gr)
    assert inspect.getfile is known
    assert gc.isenabled()
    assert inspect.getfile(gr.HTML).endswith("html.py")


def test_gradio_still_leaves_out_a_class_whose_file_is_not_known() -> None:
    with without_interface_files():  # as its own source has it: a ValueError or a TypeError would say that it changed
        made = type(gr.HTML)("HTML", (gr.HTML,), {"__module__": "gradio.nowhere", "EVENTS": []})
    assert issubclass(made, gr.HTML)

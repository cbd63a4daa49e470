"""The chat window: a Gradio page whose one component shows the conversation and asks the assistant."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import wellcited
from wellcited.datatypes import Document, Message
from wellcited.errors import QuestionError
from wellcited.settings import Settings
from wellcited.web.api import Answering, ask_within
from wellcited.web.gradio_import import gradio as gr
from wellcited.web.markup import escape
from wellcited.web.mounting import mounted
from wellcited.web.replies import Reply, problem_reply, reply
from wellcited.web.static import frame

log = logging.getLogger(__name__)

_SYSTEM_FONTS = ("system-ui", "sans-serif")
# An HTML component's template is also a JavaScript and a Handlebars template: none of its signs may survive.
_TEMPLATE_SIGNS = {ord(sign): f"&#{ord(sign)};" for sign in "$`{}\\"}


def build_chat(hold: Callable[[], Answering], settings: Settings) -> gr.Blocks:
    """Return the chat as Gradio Blocks; the conversation lives in the page, the server keeps nothing of it.

    `hold` gives the assistant that answers now; a turn is answered, and its passages shown, by one from begin to end.
    """

    def ask(turn: Any) -> Reply:
        return take_turn(hold(), settings, turn)

    assistant = hold()
    title, _ = chat_title(assistant.documents)
    blocks: gr.Blocks  # numbered the same in every worker: a page may load from one and ask another
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(
            value="",
            html_template=shell_html(assistant, settings).translate(_TEMPLATE_SIGNS),
            js_on_load="window.wellcited.connect(element, server)",
            apply_default_css=False,
            server_functions=[ask],
            elem_id="wellcited",
        )
    blocks.app_id = zlib.crc32(wellcited.__version__.encode())
    return blocks


def chat_theme() -> gr.themes.Base:
    """Return the plainest theme, in system fonts: the look comes from wellcited's own style sheets."""
    return gr.themes.Base(font=_SYSTEM_FONTS, font_mono=("ui-monospace", "monospace"))


def take_turn(assistant: Answering, settings: Settings, turn: Any) -> Reply:
    """Answer `{"question", "history"}` as the page sends it; whatever goes wrong is told kindly, and never raised."""
    try:
        question, history = _read(turn)
        try:
            answer = ask_within(assistant, settings, question, history)
        except QuestionError as error:
            long = _length_note(question, history, settings)
            return problem_reply(long or str(error), long_conversation=bool(long) and _is_long(history, settings))
        return reply(mounted(answer, settings.root_path), assistant.documents, settings.emergency_numbers)
    except QuestionError as error:
        return problem_reply(str(error), long_conversation=False)
    except Exception:  # the reader may be in pain: say what to do, whatever broke
        log.exception("a question could not be answered")
        numbers = ", ".join(settings.emergency_numbers)
        return problem_reply(
            "Something went wrong here, and there is no answer. Please ask again in a moment.\n\n"
            f"If this may be an emergency, do not wait: call your local emergency number ({numbers})."
        )


def chat_title(documents: Mapping[str, Document]) -> tuple[str, str]:
    """Return the title of the window and the line under it: from the guide's own title where there is one guide."""
    if len(documents) != 1:
        return "Ask the guides", ""
    title, _, rest = next(iter(documents.values())).title.partition(": ")
    return title, rest[:1].upper() + rest[1:]


def shell_html(assistant: Answering, settings: Settings) -> str:
    """Return the window before the first question: everything but the conversation."""
    title, tagline = chat_title(assistant.documents)
    documents = assistant.documents
    only = next(iter(documents)) if len(documents) == 1 else ""
    examples = "".join(
        f'<li><button type="button" class="ask" dir="auto" data-ask>{escape(example)}</button></li>'
        for example in assistant.examples[:6]
    )
    calls = " · ".join(
        f'<a href="tel:{escape(re.sub(r"[^0-9+*#]", "", number))}">{escape(number)}</a>'
        for number in settings.emergency_numbers
    )
    return frame("chat.html").substitute(
        title=escape(title),
        tagline=f'<p class="tagline">{escape(tagline)}</p>' if tagline else "",
        guide=f"{settings.root_path}/guide/{escape(only)}" if only else f"{settings.root_path}/guide",
        examples=f'<ul class="examples" aria-label="Example questions">{examples}</ul>' if examples else "",
        calls=calls,
        longest=settings.max_question_chars,
        one_guide="one guide" if only else "the guides on this site",
    )


def _read(turn: Any) -> tuple[str, list[Message]]:
    question = turn.get("question") if isinstance(turn, dict) else None
    history = turn.get("history", []) if isinstance(turn, dict) else None
    if not isinstance(question, str) or not isinstance(history, list) or not all(map(_is_message, history)):
        raise QuestionError("This could not be read. Please start a new conversation and ask again.")
    if not question.strip():
        raise QuestionError("Please type a question first.")
    return question, [Message.model_validate(message) for message in history]


def _length_note(question: str, history: Sequence[Message], settings: Settings) -> str:
    """Say kindly what is too long, and whom to call if it cannot wait; "" where nothing is."""
    urgent = f"If this may be an emergency, call your local emergency number ({', '.join(settings.emergency_numbers)})."
    if len(question) > settings.max_question_chars:
        return (
            f"That is {len(question):,} characters, and a question may have {settings.max_question_chars:,}. "
            f"Please ask in fewer words.\n\n{urgent}"
        )
    if _is_long(history, settings):
        return f"This conversation has become too long to follow. Please start a new one.\n\n{urgent}"
    return ""


def _is_message(message: object) -> bool:
    return (
        isinstance(message, dict)
        and set(message) == {"role", "content"}
        and message["role"] in ("user", "assistant")
        and isinstance(message["content"], str)
    )


def _is_long(history: Sequence[Message], settings: Settings) -> bool:
    size = sum(len(message.content.encode(errors="replace")) for message in history)
    return len(history) > settings.max_history_turns or size > settings.max_history_bytes

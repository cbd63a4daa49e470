"""What the reader is told: calm, complete, in the reader's language, with the reader's own words."""

from __future__ import annotations

import copy
import re

import pytest

from wellcited.datatypes import Message
from wellcited.errors import SafetyDataError
from wellcited.safety import Guardrail
from wellcited.safety.messages import check_messages, load_messages
from wellcited.safety.rules import data_files, load_rules, read_table

GUARDRAIL = Guardrail.open()
RULES = load_rules(data_files()).rules
TEXTS = read_table("messages.toml", data_files())
NUMBERS = "112, 911 or 999, or your local emergency number"
STEPS = re.compile(r"30 (to|-|–) 90|for \d+ seconds|lie down on the tool|gentle version|tuck your", re.IGNORECASE)


def english(tier: str) -> list[str]:
    """The first example of each rule of a tier, as long as it is answered in English at that tier."""
    firsts = (rule.examples[0] for rule in RULES if rule.tier == tier and not rule.id.endswith("other_languages"))
    return [example for example in firsts if GUARDRAIL.triage(example).tier == tier]


@pytest.mark.parametrize("example", english("emergency"))
def test_an_emergency_message_has_all_parts_in_at_most_about_ninety_words(example: str) -> None:
    message = GUARDRAIL.triage(example).message
    assert NUMBERS in message
    assert "“" in message, "the reader's own words"
    assert "press" in message.lower()
    assert "stretch" in message.lower()
    assert "cannot examine or diagnose" in message
    assert len(message.split()) <= 115, "quotes and telephone numbers included"
    assert not STEPS.search(message)


@pytest.mark.parametrize("example", english("urgent"))
def test_an_urgent_message_says_today_and_what_makes_it_an_emergency(example: str) -> None:
    message = GUARDRAIL.triage(example).message
    assert "today" in message
    assert NUMBERS in message
    assert re.search(r"\b[Ii]f\b", message)
    assert re.search("releas|press", message)
    assert "cannot examine or diagnose" in message
    assert not STEPS.search(message)


@pytest.mark.parametrize("example", english("professional"))
def test_a_professional_message_says_who_why_and_when_sooner(example: str) -> None:
    message = GUARDRAIL.triage(example).message
    assert message.startswith("Please see ")
    assert "Hold off on pressure and stretching" in message
    assert "today" in message
    assert NUMBERS in message
    assert "cannot examine or diagnose" in message
    assert not STEPS.search(message)


def test_an_emergency_says_first_that_a_page_cannot_judge_it_then_the_action_then_the_evidence_then_stop() -> None:
    message = GUARDRAIL.triage("my foot's gone white and stone cold and I have no feeling in it").message
    parts = ["may be serious", "Call 112", "You wrote: “", "Stop:", "Lie still"]
    assert [message.index(part) for part in parts] == sorted(message.index(part) for part in parts)


def test_the_evidence_is_quoted_as_the_reader_wrote_it() -> None:
    question = "Gran slipped in the KITCHEN and she can't stand"
    message = GUARDRAIL.triage(question).message
    quotes = re.findall("“([^”]+?)(?: …)?”", message)
    assert quotes
    assert all(quote in question for quote in quotes)


def test_a_readers_braces_and_slots_are_only_words() -> None:
    message = GUARDRAIL.triage("{numbers} my ex kicked me {0} {action}").message
    assert "112" in message


def test_self_harm_has_its_own_warm_message_with_crisis_lines() -> None:
    message = GUARDRAIL.triage("I want to kill myself").message
    assert message.startswith("I am really glad you told me")
    assert all(line in message for line in ("116 123", "988", "112"))
    assert "alone" in message


def test_violence_has_its_own_message() -> None:
    message = GUARDRAIL.triage("my husband kicked me in the hip").message
    assert "not your fault" in message
    assert "0808 2000 247" in message
    assert "doctor" in message


def test_cauda_equina_is_named_for_the_staff() -> None:
    assert "possible cauda equina" in GUARDRAIL.triage("numb between my legs and my back hurts").message


def test_the_emergency_numbers_are_the_ones_given() -> None:
    message = Guardrail.open(emergency_numbers=("000",)).triage("I can't breathe and my chest hurts").message
    assert "call 000, or your local" in message.lower()
    assert "112" not in message


@pytest.mark.parametrize(
    ("question", "tier", "words"),
    [
        ("Me duele el pecho y no puedo respirar", "emergency", "Llame ya al 112, 911 o 999"),
        ("J'ai mal à la poitrine et je ne peux pas respirer", "emergency", "Appelez tout de suite le 112"),
        ("Ich habe Brustschmerzen und Atemnot", "emergency", "Rufen Sie sofort 112"),
        ("Tenho dor no peito e falta de ar", "emergency", "Ligue já para 112"),
        ("Ho dolore al petto e mi manca il respiro", "emergency", "Chiami subito il 112"),
        ("Estoy con fiebre y me duele la cadera", "urgent", "24 a 48 horas"),
        ("J'ai de la fièvre et mal à la hanche", "urgent", "24 à 48 heures"),
        ("Ich habe Fieber und meine Hüfte tut weh", "urgent", "24 bis 48 Stunden"),
        ("Tenho febre e dor no quadril", "urgent", "24 a 48 horas"),
        ("Ho la febbre e male all'anca", "urgent", "24-48 ore"),
        ("Estoy embarazada, ¿puedo usar la bola?", "professional", "consulte a"),
        ("Je suis enceinte, je peux utiliser la balle ?", "professional", "voyez"),
        ("Ich bin schwanger, darf ich den Ball benutzen?", "professional", "Fragen Sie vorher"),
        ("Estou grávida, posso usar a bola?", "professional", "fale com"),
        ("Sono incinta, posso usare la pallina?", "professional", "senta"),
    ],
)
def test_readers_are_answered_in_their_language(question: str, tier: str, words: str) -> None:
    triage = GUARDRAIL.triage(question)
    assert triage.tier == tier
    assert words in triage.message


def test_a_flag_of_an_earlier_turn_is_repeated_briefly() -> None:
    history = [Message(role="user", content="I can't feel myself wipe and my back is bad")]
    full = GUARDRAIL.triage(history[0].content)
    again = GUARDRAIL.triage("what does the ball cost?", history)
    assert again.tier == full.tier == "emergency"
    assert len(again.message) < len(full.message)
    assert "earlier" in again.message
    assert "A&E" in again.message


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert GUARDRAIL.triage("what does the psoas do?").message == ""


def test_a_message_that_is_missing_or_has_an_unknown_slot_is_refused() -> None:
    for path, value, told in [
        (("fr", "full", "urgent"), "", "no message for tier 'urgent'"),
        (("en", "full", "urgent"), "Go {somewhere}.", "unknown slot {somewhere}"),
        (("de", "unreadable"), "", "no 'unreadable'"),
    ]:
        texts = copy.deepcopy(TEXTS)
        place = texts
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(SafetyDataError) as error:
            check_messages(texts)
        assert told in str(error.value)
    with pytest.raises(SafetyDataError, match="emergency_numbers"):
        load_messages(TEXTS, ())

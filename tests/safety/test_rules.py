"""Every rule keeps the promise of its own examples, and the data files are checked when they are loaded."""

from __future__ import annotations

import pytest

from wellcited.errors import SafetyDataError, WellcitedError
from wellcited.safety import Guardrail
from wellcited.safety.rules import TIERS, Rule, data_files, load_rules

BOOK = load_rules(data_files())
GUARDRAIL = Guardrail.open()
CATEGORIES = frozenset(
    "cauda_equina hip_fracture_dislocation major_trauma septic_joint_sepsis acute_abdomen vascular_emergency "
    "chest_pain_pe_cardiac stroke_life_threat pregnancy_emergency torsion neuro_progressive anticoagulant_bleed "
    "self_harm_overdose child_emergency post_release_emergency violence urinary_retention dvt infection_fever "
    "neuro_unilateral cancer_systemic stress_fracture fragility_fracture severe_unexplained_pain tendon_tear_avulsion "
    "post_surgery_complication child_teen hernia_lump urinary_kidney anticoagulant_minor aneurysm_possible "
    "pregnancy_urgent post_release_injury mental_health shingles_other medication_reaction acute_injury "
    "persistent_pain inflammatory_night pregnancy_postpartum post_surgery anticoagulant_condition contraindication "
    "minor_child medication diagnosis_request tool_adverse neuro_mild joint_mechanical arthritis_condition "
    "skip_care low_mood older_faller".split()
)


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_examples_are_referred_at_the_tier_of_the_rule_or_higher(rule: Rule) -> None:
    found = {example: GUARDRAIL.triage(example).tier for example in rule.examples}
    low = {example: tier for example, tier in found.items() if TIERS.index(tier) < TIERS.index(rule.tier)}
    assert not low


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_near_misses_do_not_fire_the_rule(rule: Rule) -> None:
    fired = [miss for miss in rule.near_misses if rule.id in GUARDRAIL.triage(miss).reasons]
    assert not fired


def test_every_category_that_is_referred_has_a_rule() -> None:
    assert {rule.category for rule in BOOK.rules} == CATEGORIES


def test_every_rule_says_where_it_comes_from() -> None:
    assert all(rule.source.strip() for rule in BOOK.rules)


def test_the_version_changes_with_any_data_file() -> None:
    files = dict(data_files())
    files["messages.toml"] += b"\n# one more comment\n"
    assert load_rules(files).version != BOOK.version
    assert load_rules(data_files()).version == BOOK.version == GUARDRAIL.rules_version


def rule_file(**changes: str) -> bytes:
    fields = {
        "id": '"dvt.test"',
        "tier": '"urgent"',
        "category": '"dvt"',
        "source": '"a test"',
        "when": '["swollen calf"]',
        "examples": '["my calf"]',
    } | changes
    return ("[[rule]]\n" + "\n".join(f"{key} = {value}" for key, value in fields.items() if value)).encode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tier": '"critical"'}, "unknown tier 'critical'"),
        ({"source": ""}, "'source' is missing"),
        ({"id": '"calf.test"'}, "must begin with the category"),
        ({"when": '["swollen {nowhere}"]'}, "unknown vocabulary {nowhere}"),
        ({"when": '["Swollen calf"]'}, "cannot read 'Swollen'"),
        ({"when": '["!swollen"]'}, "only says what must be absent"),
        ({"when": '["calf? swollen"]'}, "must begin with a word that is not optional"),
        ({"scope": '"paragraph"'}, "unknown scope 'paragraph'"),
        ({"keep": '["joking"]'}, "unknown modifier 'joking'"),
        ({"weight": "3"}, "unknown key 'weight'"),
        ({"id": '"dvt.one_leg"'}, "two rules have the id 'dvt.one_leg'"),
        ({"when": "["}, "cannot be read"),
    ],
)
def test_a_wrong_rule_is_named_when_the_rules_are_loaded(changes: dict[str, str], told: str) -> None:
    files = dict(data_files())
    files["professional.toml"] = rule_file(**changes)
    with pytest.raises(SafetyDataError) as error:
        load_rules(files)
    assert told in str(error.value)


def test_a_missing_file_is_named() -> None:
    files = dict(data_files())
    del files["urgent.toml"]
    with pytest.raises(WellcitedError, match=r"urgent\.toml"):
        load_rules(files)

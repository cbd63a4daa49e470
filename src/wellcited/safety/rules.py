"""Load and check the guardrail's data: vocabularies, rules, modifiers. What is wrong is told with its rule id."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, cast

from wellcited.datatypes import Tier
from wellcited.errors import SafetyDataError
from wellcited.safety.lines import conditions, needs_of_line
from wellcited.safety.patterns import Pattern, parse
from wellcited.safety.reading import ByNeed, Vocabulary, by_rarest, index

Scope = Literal["sentence", "message", "conversation"]
LineNumber = Sequence[int]
"""The number of a rule, and of one of its lines."""
Lines = ByNeed[LineNumber, LineNumber]
TIERS: tuple[Tier, ...] = ("none", "professional", "urgent", "emergency")
MODIFIER = "modifier "
"""Opens the names under which the phrases of the modifiers stand among the vocabularies."""
MODIFIERS = ("negated", "past", "hypothetical", "fiction", "handled", "bystander")
# "He says he's fine" does not make a broken hip less urgent.
_FOR_PROFESSIONAL_ONLY = frozenset({"bystander"})
RULE_FILES = ("emergency.toml", "urgent.toml", "professional.toml", "other_languages.toml")
OWN_FILE = "safety.toml"
"""The name under which a publisher's own file takes part; see extension.py."""
_KEYS = {"id", "tier", "category", "source", "scope", "when", "keep", "lasting", "literal", "examples", "near_misses"}
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One warning sign. It fires when all conditions of any line of `when` hold and no modifier switches one off.

    `lasting`: a state that "all clear" does not end (a hip replacement, a blood thinner, a pregnancy).
    `own`: written by the publisher, so unknown to the head, which may not lower it.
    """

    id: str
    tier: Tier
    category: str
    source: str
    scope: Scope
    when: tuple[str, ...]
    """Lines as they are written; `lines.conditions` reads them."""
    off: frozenset[str]
    lasting: bool
    examples: tuple[str, ...]
    near_misses: tuple[str, ...]
    own: bool = False


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Everything that decides a tier; `version` is the digest of the files it was read from."""

    version: str
    rules: tuple[Rule, ...]
    lines: Lines
    vocabulary: Vocabulary
    places: frozenset[str]
    """The vocabularies of places of the body and of persons."""
    spelling: Mapping[str, str]


def data_files() -> dict[str, bytes]:
    """Name -> content of every data file, in order of name."""
    folder = resources.files("wellcited.safety") / "data"
    return {f.name: f.read_bytes() for f in sorted(folder.iterdir(), key=lambda f: f.name) if f.name.endswith(".toml")}


def load_rules(files: Mapping[str, bytes], own_name: str = OWN_FILE) -> RuleBook:
    """Read the rule book from the data files, and from a publisher's own where it is among them.

    `own_name` is what errors call that one.

    Raises: SafetyDataError naming the file and the rule, for anything that is not as docs/safety.md says.
    """
    tables = {name: read_table(name, files) for name in ("vocabulary.toml", "modifiers.toml", *RULE_FILES)}
    own = read_table(OWN_FILE, files) if OWN_FILE in files else {}
    phrases = {**tables["vocabulary.toml"], **tables["other_languages.toml"].get("vocabulary", {})}
    if taken := set(own.get("vocabulary", {})) & set(phrases):
        raise SafetyDataError(f"{own_name}: vocabulary {sorted(taken)[0]!r} exists already; give yours another name")
    phrases |= own.get("vocabulary", {})
    names = frozenset(phrases)
    vocabularies = {name: _patterns(lines, names, f"vocabulary {{{name}}}") for name, lines in phrases.items()}
    settings = tables["modifiers.toml"]
    modifiers = {
        name: _patterns(lines, names, f"modifiers.toml [patterns] {name}")
        for name, lines in settings["patterns"].items()
    }
    places = frozenset(settings["places"])
    modifiers["idiom"] += _patterns(own.get("normal", ()), names, f"{own_name} normal")
    entries = [(name, entry) for name in RULE_FILES for entry in tables[name].get("rule", [])]
    entries += [(own_name, entry) for entry in own.get("rule", [])]
    rules = [_rule(entry, file, own=file == own_name) for file, entry in entries]
    _check_unique((rule.id for rule in rules), f"{own_name}: " if own else "")
    read = [
        conditions(line, places, names, _where(entry, file))
        for rule, (file, entry) in zip(rules, entries, strict=True)
        for line in rule.when
    ]
    vocabularies |= {MODIFIER + name: patterns for name, patterns in modifiers.items()}
    vocabulary, likely = index(vocabularies, (condition.pattern for line in read for condition in line))
    numbered = (
        (needs_of_line(line), (rule, number)) for rule, one in enumerate(rules) for number, line in enumerate(one.when)
    )
    lines = kept_lines(by_rarest(numbered, likely), rules)
    return RuleBook(digest_of(files)[:12], tuple(rules), lines, vocabulary, places, settings["spelling"])


def kept_lines(kept: Mapping[str, Sequence[LineNumber]], rules: Sequence[Rule]) -> Lines:
    """Return the lines of `rules`, checked before, as a rule book holds them."""
    return ByNeed(kept, lambda line: (needs_of_line(rules[line[0]].when[line[1]]), line))


def digest_of(files: Mapping[str, bytes]) -> str:
    """The sha256 of data files with their names, in hexadecimal."""
    return hashlib.sha256(b"".join(name.encode() + content for name, content in files.items())).hexdigest()


def read_table(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """One TOML file.  Raises: SafetyDataError where it is missing or is not TOML."""
    try:
        return tomllib.loads(files[name].decode("utf-8"))
    except KeyError:
        raise SafetyDataError(f"safety/data/{name} is missing; reinstall wellcited") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SafetyDataError(f"safety/data/{name} cannot be read: {error}") from error


def _where(entry: Mapping[str, Any], file: str) -> str:
    return f"{file}: rule {entry.get('id', '(without id)')!r}"


def _rule(entry: Mapping[str, Any], file: str, own: bool = False) -> Rule:
    where = _where(entry, file)
    if unknown := set(entry) - _KEYS:
        raise SafetyDataError(f"{where}: unknown key {sorted(unknown)[0]!r}; known are {', '.join(sorted(_KEYS))}")
    literals = [" ".join(_WORD.findall(line.lower().replace("'", ""))) for line in entry.get("literal", ())]
    entry = {**entry, "when": [*entry.get("when", ()), *literals]}
    for key in ("id", "tier", "category", "source", "when", "examples"):
        if not entry.get(key):
            raise SafetyDataError(f"{where}: {key!r} is missing")
    if entry["tier"] not in TIERS[1:]:
        raise SafetyDataError(f"{where}: unknown tier {entry['tier']!r}; use emergency, urgent or professional")
    if not entry["id"].startswith(entry["category"] + "."):
        raise SafetyDataError(f"{where}: the id must begin with the category, as {entry['category']}.name")
    scope = entry.get("scope", "message")
    if scope not in ("sentence", "message", "conversation"):
        raise SafetyDataError(f"{where}: unknown scope {scope!r}; use sentence, message or conversation")
    keep = entry.get("keep", [])
    if wrong := set(keep) - set(MODIFIERS):
        raise SafetyDataError(
            f"{where}: unknown modifier {sorted(wrong)[0]!r} in keep; known are {', '.join(MODIFIERS)}"
        )
    return Rule(
        id=entry["id"],
        tier=cast(Tier, entry["tier"]),
        category=entry["category"],
        source=entry["source"],
        scope=cast(Scope, scope),
        when=tuple(entry["when"]),
        off=frozenset(MODIFIERS)
        - frozenset(keep)
        - (frozenset() if entry["tier"] == "professional" else _FOR_PROFESSIONAL_ONLY),
        lasting=bool(entry.get("lasting", False)),
        examples=tuple(entry["examples"]),
        near_misses=tuple(entry.get("near_misses", ())),
        own=own,
    )


def _patterns(lines: Iterable[str], names: frozenset[str], where: str) -> tuple[Pattern, ...]:
    return tuple(parse(line, names, where) for line in lines)


def _check_unique(ids: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for rule_id in ids:
        if rule_id in seen:
            raise SafetyDataError(f"{where}two rules have the id {rule_id!r}; give each its own")
        seen.add(rule_id)

"""Triage: rules as data that refer a reader with a warning sign before the guide is searched."""

from wellcited.safety.guardrail import Guardrail
from wellcited.safety.matching import Examination, Finding

__all__ = ["Examination", "Finding", "Guardrail"]

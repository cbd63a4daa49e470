"""Triage: rules as data that refer a reader with a warning sign before the guide is searched."""

from wellcited.safety.findings import Examination, Finding
from wellcited.safety.guardrail import Guardrail

__all__ = ["Examination", "Finding", "Guardrail"]

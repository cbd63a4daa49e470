"""Triage: rules as data that refer a reader with a warning sign before the guide is searched."""

from wellcited.safety.guardrail import Examination, Finding, Guardrail

__all__ = ["Examination", "Finding", "Guardrail"]

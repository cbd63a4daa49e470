"""The one error tree: every error names what is wrong, where, and the command or edit that repairs it."""

from __future__ import annotations


class WellcitedError(Exception):
    """Base of all known errors: one line for people, exit code 1 on the command line."""


class SettingsError(WellcitedError):
    """A setting is unknown or out of range."""


class CorpusError(WellcitedError):
    """The corpus, or one file of it, cannot be read as a guide."""


class BundleError(WellcitedError):
    """Base of what can be wrong with a built index."""


class IndexMissing(BundleError):
    """There is no index where one was asked for."""


class IndexDamaged(BundleError):
    """A file of the index is missing, changed or unreadable."""


class IndexMismatch(BundleError):
    """The index was built by another format version, or with another model or settings."""


class ModelError(WellcitedError):
    """The embedding model cannot be found, loaded or exported."""


class QuestionError(WellcitedError):
    """The question or its history cannot be taken: empty, too long, or not text."""


class EvaluationError(WellcitedError):
    """A file of evaluation questions cannot be read."""


class SafetyDataError(WellcitedError):
    """The guardrail's rules, modifiers or messages cannot be used as they are written."""

"""Measuring wellcited: does the reader see the evidence, does it decline rightly, does it refer in time."""

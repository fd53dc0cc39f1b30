"""Consumers of events: what a user sees of a run. Nothing here computes a figure."""

from nntrain.report.console import LiveReport, PlainReport, Report, make_report

__all__ = ["LiveReport", "PlainReport", "Report", "make_report"]

"""The deliverables of a study, assembled from findings: one file each."""

from perflab.report.deliverables.build import build_deliverables

__all__ = ["build_deliverables"]

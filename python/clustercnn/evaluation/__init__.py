"""How good a network is, on mocks whose truth is known: numbers, calibration, figures."""

from clustercnn.evaluation.calibration import binomial_band as binomial_band
from clustercnn.evaluation.calibration import coverage_curve as coverage_curve
from clustercnn.evaluation.calibration import rank_histogram as rank_histogram
from clustercnn.evaluation.calibration import reliability as reliability
from clustercnn.evaluation.calibration_report import calibration as calibration
from clustercnn.evaluation.detection import brier_score as brier_score
from clustercnn.evaluation.detection import detection as detection
from clustercnn.evaluation.detection import expected_calibration_error as expected_calibration_error
from clustercnn.evaluation.held_out import Examples as Examples
from clustercnn.evaluation.held_out import HeldOut as HeldOut
from clustercnn.evaluation.held_out import infer_held_out as infer_held_out
from clustercnn.evaluation.metrics import auc as auc
from clustercnn.evaluation.metrics import bias as bias
from clustercnn.evaluation.metrics import completeness_at as completeness_at
from clustercnn.evaluation.metrics import coverage as coverage
from clustercnn.evaluation.metrics import metrics as metrics
from clustercnn.evaluation.metrics import paper_range as paper_range
from clustercnn.evaluation.metrics import scatter as scatter
from clustercnn.evaluation.plots_redraws import picture_redraws as picture_redraws
from clustercnn.evaluation.report import evaluate_artefact as evaluate_artefact
from clustercnn.evaluation.report import judge as judge
from clustercnn.evaluation.report import summary as summary
from clustercnn.evaluation.report import write_figures as write_figures
from clustercnn.evaluation.report import write_metrics as write_metrics
from clustercnn.evaluation.tarp import tarp_ranks as tarp_ranks

__all__ = [
    "Examples",
    "HeldOut",
    "auc",
    "bias",
    "binomial_band",
    "brier_score",
    "calibration",
    "completeness_at",
    "coverage",
    "coverage_curve",
    "detection",
    "evaluate_artefact",
    "expected_calibration_error",
    "infer_held_out",
    "judge",
    "metrics",
    "paper_range",
    "picture_redraws",
    "rank_histogram",
    "reliability",
    "scatter",
    "summary",
    "tarp_ranks",
    "write_figures",
    "write_metrics",
]

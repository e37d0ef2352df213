"""Accuracies, PGR and calibration of predictions."""

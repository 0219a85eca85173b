"""Promotion: a release and its evidence become one commit on one environment, or nothing."""

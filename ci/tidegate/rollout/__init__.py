"""Rollout: what the clusters of an environment make of a commit."""

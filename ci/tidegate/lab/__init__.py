"""The lab: the real services, tiny, on a laptop with no GPU, container or cluster."""

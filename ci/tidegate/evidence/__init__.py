"""Evidence: gate verdicts as in-toto statements, bound to the digests that they are about."""

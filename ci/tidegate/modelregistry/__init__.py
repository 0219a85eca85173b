"""The link to a model registry: what git says about releases, told to MLflow."""

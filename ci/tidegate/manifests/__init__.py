"""How and where: the units of overlays/ rendered by Kustomize, their releases and their checks."""

"""The Dagger module: `dagger call ci` does in containers what `tidegate ci` does on a laptop.

Every function wires containers and nothing else; what a step means is in the package, so that the
same step gives the same result without an engine. What publishes, measures, scans or promotes is
never served from a cache.
"""

from tidegate.pipeline.module import Tidegate

__all__ = ["Tidegate"]

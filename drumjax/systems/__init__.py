"""How the models learn: one file a system, each a `System` of pure functions without input or output."""

from drumjax.systems.system import Progress, System

__all__ = ["Progress", "System"]

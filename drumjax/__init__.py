"""drumjax: machine-made drums in JAX.

A model is a network (`drumjax.models`). A system is how it learns (`drumjax.systems`). An instrument is how it is played
(`drumjax.instruments`, and `drumjax.load` for short). This module imports nothing heavy by itself.
"""

from importlib import metadata

__version__ = metadata.version("drumjax")
__all__ = ["__version__"]

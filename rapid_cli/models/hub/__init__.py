"""From where a model is said to lie to its files: the only owner of huggingface_hub.

Finding never asks the network; pulling downloads, and is a module that finding does not need.
"""

import os

# Read when huggingface_hub is imported: it would ask who runs it, and tell the hub.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from rapid_cli.models.hub.finding import find, locate

__all__ = ["find", "locate"]

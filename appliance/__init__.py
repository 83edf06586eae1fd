"""Postroom: an e-mail notification appliance in one process."""

__version__ = "0.1.0"

"""pushdsl: rules for inventory push, planned, explained and carried out."""

__version__ = "0.1.0"

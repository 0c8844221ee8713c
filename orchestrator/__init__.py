"""Cloud migration orchestration for a city's information systems."""

__version__ = "0.1.0"

"""A folder of tables in; facts as columns out, or everything that is wrong with them."""

from pushdsl.facts.codes import CODES
from pushdsl.facts.reading import read_facts

__all__ = ["CODES", "read_facts"]

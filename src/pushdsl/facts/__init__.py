"""A folder of tables in; facts as columns out, or everything that is wrong with them."""

from pushdsl.facts.codes import CODES
from pushdsl.facts.reading import read_facts
from pushdsl.facts.stock import read_stock, stock_files

__all__ = ["CODES", "read_facts", "read_stock", "stock_files"]

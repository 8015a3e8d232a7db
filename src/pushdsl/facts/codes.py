"""The codes of everything that can be said about facts, each with its title; `docs/errors` has a page for each."""

from __future__ import annotations

CODES = {
    "PUSH400": "there is no facts folder",
    "PUSH401": "a required table is missing",
    "PUSH402": "a table stands in two files",
    "PUSH403": "a file is no table",
    "PUSH404": "a file cannot be read",
    "PUSH405": "a row does not fit the table",
    "PUSH406": "a column is not known",
    "PUSH407": "a column is missing",
    "PUSH408": "a column stands twice",
    "PUSH409": "a cell is blank that must not be",
    "PUSH410": "a cell is not a whole number",
    "PUSH411": "a number is out of bounds",
    "PUSH412": "a number stands where text must stand",
    "PUSH413": "a cell is not true or false",
    "PUSH414": "a word is not one of those that may stand here",
    "PUSH415": "a cell is not a time with its zone",
    "PUSH416": "the same row stands twice",
    "PUSH417": "the shortest pre-order is longer than the longest",
    "PUSH418": "a bundle stands in a bundle",
    "PUSH419": "a bundle has stock of its own",
    "PUSH420": "a list has an empty name",
    "PUSH421": "live rows belong to no listing",
    "PUSH422": "SKUs differ only by upper and lower case",
    "PUSH423": "a SKU begins or ends with a space",
    "PUSH424": "there are more problems than are shown",
    "PUSH425": "a workbook cell holds an error",
}

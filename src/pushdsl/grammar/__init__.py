"""The text of a rule file and its tree."""

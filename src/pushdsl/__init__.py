"""pushdsl: rules for inventory push."""

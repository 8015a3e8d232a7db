"""Values in, words out: diagnostics, plans, receipts and tables as a shop operator reads them.

Only `terminal` writes; all else gives lines.
"""

"""A text that others wrote in; the same on one line, harmless to a terminal, out."""


def visible(text: str) -> str:
    """On one line, without what a terminal would obey: a line break is `↵`, other control characters are `�`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else "↵" if c == "\n" else "�" for c in text)

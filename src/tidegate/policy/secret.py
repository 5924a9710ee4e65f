"""Text that must not be shown. Everything that could show it by accident (`repr`, `str`, formatting, JSON, pickling, copying) gives `***`
or nothing; `reveal` is the one way to it, for the adapter or the header that carries it."""

HIDDEN = "***"


class Secret:
    """A secret in clear. Two are never equal: comparing them in the open would tell how far they agree."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for what carries it and for nothing else."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """What is pickled or copied is the text `***`."""
        return (str, (HIDDEN,))

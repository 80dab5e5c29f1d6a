"""What can go wrong for a reason that the user can mend."""


class UserError(ValueError):
    """Input that cannot be used; the message says what to do about it."""


class StackReadError(OSError):
    """A plane that could not be read after retries; earlier results stay.

    Parameters
    ----------
    message : str
        What failed and where, in plain words.
    index : tuple of int
        The plane's full index.
    """

    def __init__(self, message: str, index: tuple[int, ...]) -> None:
        super().__init__(message)
        self.index = index

"""Errors that users can fix; their messages are shown as they are."""


class UserError(ValueError):
    """Input that cannot be used.

    The message states what is wrong and what to do about it.
    """


class FileInUseError(UserError):
    """A file that another window or program has open."""


class StackReadError(OSError):
    """A plane that could not be read, after several attempts.

    Results of other planes are not affected.

    Parameters
    ----------
    message : str
        Which plane of which input failed, and why.
    index : tuple of int
        Full index of the plane.
    """

    def __init__(self, message: str, index: tuple[int, ...]) -> None:
        super().__init__(message)
        self.index = index


class ConnectionLostError(ConnectionError):
    """The computer that runs the model was lost during a run; finished frames are kept.

    The message states what happened and what to do.
    """

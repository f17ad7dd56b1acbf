"""Errors meant for the person at the keyboard: the command line prints their message, no traceback.

Each message says what was given, what is allowed, and what to do next.
"""


class TheorylabError(Exception):
    """A failure that theorylab can explain; its text is the whole explanation."""


class Missing(TheorylabError):
    """A data set is not on this machine; the text says how to get it."""


class UsageError(TheorylabError):
    """A command, option, experiment or value that does not exist or is not allowed."""


class StorageError(TheorylabError):
    """A file or folder that cannot be read or written, or that holds what it should not."""


class NotThere(UsageError, KeyError):
    """A name that a result does not hold; also a KeyError, so that ``get`` and ``in`` work."""

    __str__ = Exception.__str__  # a KeyError would print its message in quotes

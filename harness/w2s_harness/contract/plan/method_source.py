"""Where a method's code is, as plain data: what `discovery.sources` found of it."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "w2s-harness"
"""The distribution that ships this harness and the plugins that come with it."""


@dataclass(frozen=True, slots=True)
class MethodSource:
    """A module that offers methods: an installed one, or a file whose bytes were read once."""

    name: str
    """The entry point's name, or the file's path as the user gave it."""
    module: str
    distribution: str | None
    version: str | None
    sha256: str
    """Empty where its files could not be read."""
    folders: tuple[str, ...] = ()
    """Where a worker imports the module from; empty for a file."""
    reads: tuple[str, ...] = ()
    """What its worker reads beside what every worker does: the files of its distribution and of what that
    needs, or a folder of ours."""
    beside: tuple[str, ...] = ()
    """Those of them that are of what it needs."""
    opened: tuple[str, ...] = ()
    """What of `reads` lies beyond site-packages: modules and packages of editable installs."""
    code: bytes | None = None
    filename: str = ""
    editable: bool = False
    refused: str = ""
    """Why its code must not run, or an empty string."""
    info: str = ""
    """The `.dist-info` folder of an installed one."""

    @property
    def is_file(self) -> bool:
        """Whether it is a file that the user named: nothing of it is installed."""
        return self.distribution is None

    @property
    def is_shipped(self) -> bool:
        """Whether w2s-harness ships it."""
        return self.distribution == OURS

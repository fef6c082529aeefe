"""The benchmark's one table, and what was promised."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One thing that was measured.

    :param times: how it compares, in words.
    """

    what: str
    rows: int
    seconds: float
    times: str = ""
    peak_mib: int | None = None


@dataclass
class Table:
    """Lines, and which promises are kept."""

    lines: list[Line] = field(default_factory=list)
    claims: list[tuple[str, bool]] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Add a line; told at once, since the next one may take minutes."""
        self.lines.append(line)
        print(_text(line), flush=True)

    def of(self, what: str) -> list[Line]:
        """Return the lines about one thing."""
        return [line for line in self.lines if line.what == what]

    def claim(self, promise: str, kept: bool) -> None:
        """Add a promise."""
        self.claims.append((promise, kept))

    def print(self) -> None:
        """Print everything as one table."""
        print(f"\n{'what':<36}{'rows':>12}{'seconds':>9}{'rows/s':>12}{'MiB':>6}  compared")
        for line in self.lines:
            print(_text(line))
        print()
        for promise, kept in self.claims:
            print(f"{'✓' if kept else '✗'} {promise}")


def _text(line: Line) -> str:
    memory = "" if line.peak_mib is None else str(line.peak_mib)
    speed = line.rows / line.seconds
    numbers = f"{line.rows:>12,}{line.seconds:>9.2f}{speed:>12,.0f}{memory:>6}"
    return f"{line.what:<36}{numbers}  {line.times}".rstrip()

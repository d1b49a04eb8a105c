"""The README, as far as tests run what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
# The kind of a block, and what stands in it.
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text between this heading and the next of its kind."""
    _, heading, rest = README.read_text("utf-8").partition(f"\n## {title}\n")
    assert heading, f"The README has no section {title!r}."
    return rest.partition("\n## ")[0]

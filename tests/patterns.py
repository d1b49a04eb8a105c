"""The patterns of profile rules, as a browser's form reads them and as Python does."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence

import pytest

from models import profile_rules
from models.profile_rules import LegalForm

ELSEWHERE = ["PT", "JP", "ZZ", ""]


def every() -> set[str]:
    """Each pattern that any form may be told, wherever its country is."""
    return {
        found.pattern
        for country in [*profile_rules.LISTED, *ELSEWHERE]
        for form in LegalForm
        for found in profile_rules.rules(country, form)
        if found.pattern
    }


def read_differently(patterns: Iterable[str], texts: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of pattern and text that only one of a browser (flag v) and Python takes."""
    cases = [(pattern, text) for pattern in sorted(patterns) for text in texts]
    in_python = [bool(re.fullmatch(pattern, text)) for pattern, text in cases]
    both = zip(cases, _in_javascript(cases), in_python, strict=True)
    return [case for case, there, here in both if there is not here]


def _in_javascript(cases: list[tuple[str, str]]) -> list[bool]:
    script = """
      const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
      const seen = ([pattern, text]) => new RegExp(`^(?:${pattern})$`, "v").test(text);
      console.log(JSON.stringify(cases.map(seen)));
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    ran = subprocess.run(
        [node, "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    found: list[bool] = json.loads(ran.stdout)
    return found

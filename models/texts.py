"""Lines of text that a partner writes for a holder: judged as names are, since they are mailed."""

import re
import unicodedata

from models import profiles
from models.errors import Fault, FaultCode
from models.profile_rules import PLAIN


def judge(field: str, text: str, *, longest: int, faults: list[Fault]) -> str:
    """Return a line as it is kept; what is wrong with it joins the faults."""
    line = text.strip()
    # Before it is normalised, which takes time that grows with the square of the length.
    if len(line) > longest:
        faults.append(Fault(field, FaultCode.TOO_LONG, longest))
        return line
    if not line:
        faults.append(Fault(field, FaultCode.REQUIRED))
    elif not (profiles.is_storable(line) and re.fullmatch(PLAIN, line)):
        faults.append(Fault(field, FaultCode.INVALID))
    return unicodedata.normalize("NFC", line)

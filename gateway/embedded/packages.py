"""The packages of the extra `embedded`, which bring the programs that `nicgate up` runs."""

from importlib.util import find_spec
from pathlib import Path

from gateway.listening import StartError


def folder(package: str, *, instead: str) -> Path:
    """Return where a package lies, without importing it. Raises StartError."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(
            f'The package {package} is missing: pip install "nicgate[embedded]", or set {instead}.'
        )
    return Path(spec.submodule_search_locations[0])


def program(path: Path) -> str:
    """Return the path of a program as text. Raises StartError when there is none."""
    if not path.is_file():
        raise StartError(
            f"{path} is missing: this machine is not one that nicgate[embedded] is made for."
        )
    return str(path)

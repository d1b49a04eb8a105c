"""Which servers `make test-debian` takes: those of Debian 12, or those that are named."""

import debian
import pytest


@pytest.fixture
def installed(tmp_path):
    """Install servers that do no more than to tell their version."""

    def install(*postgres, redis=None):
        home, path = tmp_path / "postgresql", tmp_path / "bin"
        for folder in [path, *(home / major / "bin" for major in postgres)]:
            folder.mkdir(parents=True)
        if redis:
            server = path / "redis-server"
            server.write_text(f"#!/bin/sh\necho Redis server v={redis} sha=00000000:0 bits=64\n")
            server.chmod(0o755)
        return {"home": home, "path": str(path)}

    return install


def test_takes_what_debian_has(installed):
    """The newest there is may be another one."""
    places = installed("15", "16", redis="7.0.15")

    postgres, redis = debian.programs(debian.MAJORS, **places)

    assert postgres == places["home"] / "15" / "bin"
    assert redis == f"{places['path']}/redis-server"


def test_takes_what_is_named(installed):
    """Who asks for other versions gets them, and knows."""
    places = installed("15", "16", redis="8.2.1")

    postgres, _ = debian.programs("16 8", **places)

    assert postgres == places["home"] / "16" / "bin"


@pytest.mark.parametrize(
    ("postgres", "redis", "told"),
    [
        (["16"], "7.0.15", "PostgreSQL 16, Redis 7"),
        (["15"], "8.0.1", "PostgreSQL 15, Redis 8"),
        (["15"], "70.0.1", "PostgreSQL 15, Redis 70"),
        (["15"], None, "PostgreSQL 15"),
        ([], "7.0.15", "Redis 7"),
        ([], None, "neither"),
    ],
)
def test_refuses_all_else_with_one_line(installed, postgres, redis, told):
    """A run against other servers shows nothing about Debian's."""
    places = installed(*postgres, redis=redis)

    with pytest.raises(SystemExit) as refused:
        debian.programs(debian.MAJORS, **places)

    line = refused.value.code
    assert line.startswith(f"This needs PostgreSQL 15 and Redis 7, and there is {told}: apt-get ")
    assert "\n" not in line

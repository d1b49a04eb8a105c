"""Put Lighthouse to the customer space of a gateway of its own, before and after signing in."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import stacks  # noqa: E402 -- it lies beside this folder

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 900


def cookie_of(customer: stacks.Customer) -> str:
    """The cookies of a browser in which a customer has signed in."""
    given = {"identifier": customer.nic_handle, "password": customer.password}
    body = {"query": stacks.LOGIN, "variables": {"input": given}}
    answer = httpx2.post(f"{customer.stack.url}/graphql", json=body, timeout=10)
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


def main() -> int:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sys.exit(f"make lighthouse needs one of {', '.join(NAMES)} on the PATH.")
    with tempfile.TemporaryDirectory(prefix="nicgate-lighthouse-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with stacks.running(Path(folder) / "var") as stack:
            cookie = cookie_of(stack.newcomer())
            command = [str(HERE / "measure.sh"), sys.executable, stack.url, cookie]
            environment = os.environ | {"CHROME_PATH": found}
            done = subprocess.run(command, env=environment, check=False, timeout=SECONDS)
            return done.returncode


sys.exit(main())

"""Fuzz a running gateway with schemathesis, from an environment of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import stacks  # noqa: E402 -- it lies beside this folder

EXAMPLES = os.environ.get("EXAMPLES", "60")


def environment() -> Path:
    """The Python that has schemathesis, made once from its lock."""
    folder = HERE / ".venv"
    python, done = folder / "bin" / "python", folder / ".installed"
    lock = HERE / "requirements.lock"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        print("Setting up schemathesis (once) ...", flush=True)  # noqa: T201
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = ["-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        command = [str(python), *install, "--require-hashes", "-r", str(lock)]
        subprocess.run(command, check=True)
        done.touch()
    return python


def truth(stack: stacks.Stack, alice: stacks.Customer) -> dict[str, dict[str, str]]:
    """What a caller may know: the password, and the codes that wait to be typed."""
    # A reset ends every session: it is for somebody whom the others do not need.
    bob, carol = stack.newcomer(), stack.customer("carol@example.org")
    reset = bob.do("requestPasswordReset", identifier=bob.nic_handle)["id"]
    signup = carol.sign_up()
    alice.do("setSpareEmail", spareEmail="spare@example.org", password=alice.password)
    alice.request_change("new@example.org")
    password = alice.password
    return {
        "*": {"password": password, "currentPassword": password, "identifier": alice.email},
        "confirmSignup": {"challengeId": signup, "code": carol.code("Confirm the creation")},
        "resetPassword": {"challengeId": reset, "code": bob.code("Choose a new password")},
        "confirmEmailChange": {"code": alice.code("Change of your e-mail address")},
        "proveSpareEmail": {"code": alice.code("Confirm your spare", at="spare@example.org")},
    }


def main() -> int:
    python = environment()
    with tempfile.TemporaryDirectory(prefix="nicgate-fuzz-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with stacks.running(Path(folder) / "var") as stack:
            alice = stack.customer("alice@example.org")
            alice.confirm(alice.sign_up())
            variables = {
                "FUZZED_URL": f"{stack.url}/graphql",
                "FUZZED_TOKEN": alice.token,
                "FUZZED_TRUTH": json.dumps(truth(stack, alice)),
                "FUZZED_VALKEY": urlsplit(stack.given("REDIS_URL")).path,
                "FUZZED_EXAMPLES": EXAMPLES,
            }
            pytest = [
                "-m",
                "pytest",
                "-q",
                "-s",
                "-c",
                "/dev/null",
                "-p",
                "no:cacheprovider",
                "--noconftest",
            ]
            command = [str(python), *pytest, str(HERE / "check_endpoint.py")]
            return subprocess.run(command, check=False, env=os.environ | variables).returncode


sys.exit(main())

"""Put the GraphQL-over-HTTP audits of the npm package `graphql-http` to a running gateway."""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import stacks  # noqa: E402 -- it lies beside this folder


def main() -> int:
    subprocess.run(["npm", "ci", "--silent"], cwd=HERE, check=True)
    with tempfile.TemporaryDirectory(prefix="nicgate-audit-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with stacks.running(Path(folder) / "var") as stack:
            command = ["node", str(HERE / "audit.mjs"), f"{stack.url}/graphql"]
            return subprocess.run(command, check=False, timeout=120).returncode


sys.exit(main())

"""Run the README's quick starts for clients as they stand there, then against a younger gateway."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import readme  # noqa: E402 -- it lies beside this folder
import stacks  # noqa: E402
import younger  # noqa: E402

NODE = 20  # the least that graphql-codegen runs on
NIC_HANDLE = re.compile(r"\b[a-z]{2}\d{6,7}-OVH\b")
HERES = "http://127.0.0.1:8000"
PYTHON, TYPESCRIPT = HERE / "python", HERE / "typescript"
PROGRAMS = {
    "quickstart.py": (PYTHON, ".venv/bin/python"),
    "with_gql.py": (PYTHON, ".venv/bin/python"),
    "build/quickstart.js": (TYPESCRIPT, "node"),
}
# What each says of a field's fault and of a refusal that its schema does not have.
OLD = "This client is too old for the answer: generate it anew."
MOVED_ON = "The profile has been changed meanwhile. Reload it before you save."
CODE = "firstName is REQUIRED, phone is TOO_RARE."
TOLD_BY_YOUNGER = {
    "quickstart.py": [OLD, OLD],
    "with_gql.py": [CODE, MOVED_ON],
    "build/quickstart.js": [CODE, MOVED_ON],
}


def main() -> int:
    if fault := missing():
        sys.exit(fault)
    blocks = readme.BLOCK.findall(readme.section("For those who write clients"))
    (told,) = [text for kind, text in blocks if kind == "text"]
    with tempfile.TemporaryDirectory(prefix="nicgate-clients-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as nobody
        with stacks.running(Path(folder) / "var") as stack:
            for command in [text for kind, text in blocks if kind == "sh"]:
                said = paste(command.replace(HERES, stack.url))
                block = f"the README's {command.split()[1]}"
                expect(block, said[-told.count("\n") :], told.splitlines())
            for program in PROGRAMS:
                said = run(program, stack.url, stack.newcomer())
                expect(program, said, told.splitlines())
            with younger.running(stack.url) as url:
                for program, lines in TOLD_BY_YOUNGER.items():
                    said = run(program, url, stack.newcomer())
                    expect(f"{program} against a younger gateway", said[2:], lines)
    return 0


def missing() -> str:
    """Say what this machine lacks; "" when there is nothing."""
    if not shutil.which("npm"):
        return "make clients needs Node and npm."
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    major = int(version.stdout.removeprefix("v").partition(".")[0])
    return "" if major >= NODE else f"make clients needs Node {NODE} or newer; this is {major}."


def paste(commands: str) -> list[str]:
    """Run commands as somebody who stands in the folder of the repository."""
    script = commands.replace(" && ", "\n")  # -e does not see what fails before &&
    ran = subprocess.run(
        ["bash", "-e"],
        input=script,
        cwd=HERE.parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"{ran.stdout}\nThis failed:\n{commands}")
    return ran.stdout.splitlines()


def run(program: str, url: str, customer: stacks.Customer) -> list[str]:
    folder, interpreter = PROGRAMS[program]
    command = [interpreter, program, url, customer.email, customer.password]
    ran = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.splitlines()


def expect(what: str, said: list[str], wanted: list[str]) -> None:
    """Print that it is as it should be, or end."""
    if masked(said) != masked(wanted):
        sys.exit(f"{what}: said\n  {said}\nnot\n  {wanted}")
    print(f"{what}: as it should be", flush=True)  # noqa: T201


def masked(lines: list[str]) -> list[str]:
    return [NIC_HANDLE.sub("<nic>", line) for line in lines]


sys.exit(main())

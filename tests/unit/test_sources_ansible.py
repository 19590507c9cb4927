from __future__ import annotations

from pathlib import Path

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.hostlist import expand
from trioexec.settings.sources import Resolver, Surroundings

INI = """\
# before any section
bastion ansible_host=203.0.113.9 ansible_port=2222 ansible_user=ops  # the way in

[web]
web[01:03].example.com
web9 ansible_ssh_host=10.0.0.9 ansible_ssh_port=22 ansible_ssh_user='ann b'
other.example.com:2201

[db] ; letters
db-[a:c]
six ansible_host=fe80::9 ansible_port=22
[2001:db8::1]:2200

[site:children]
web
db

[site:vars]
ansible_user = deploy

[db:vars]
ansible_user=dba
ansible_port=5022

[all:vars]
ansible_user=nobody
"""

YAML = """\
all:
  hosts:
    bastion: {ansible_host: 203.0.113.9, ansible_port: 2222, ansible_user: ops}
  vars: {ansible_user: nobody, secret: !vault "x"}
  children:
    web:
      hosts:
        web[01:03:2].example.com:
        web9: {ansible_ssh_host: 10.0.0.9}
    site:
      children: {web: , db: {hosts: 'db-[a:c]', vars: {ansible_user: dba}}}
      vars: {ansible_user: deploy}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(folder: Path, expression: str, **env: str) -> list[str]:
    surroundings = Surroundings(env=env, home=folder / "home")
    return [node.name for node in expand([expression], sources=Resolver(surroundings))]


def ask_of(folder: Path, name: str, text: str, group: str) -> list[str]:
    (folder / name).write_text(text)
    return ask(folder, f"@ansible:{group}", ANSIBLE_INVENTORY=str(folder / name))


@pytest.mark.parametrize(
    ("group", "nodes"),
    [
        pytest.param("web", "deploy@web01.example.com deploy@web02.example.com deploy@web03.example.com annb@10.0.0.9:22 deploy@other.example.com:2201", id="range, names of old, port"),
        pytest.param("db", "dba@db-a:5022 dba@db-b:5022 dba@db-c:5022 dba@[fe80::9]:22 dba@[2001:db8::1]:2200", id="letters, IPv6, child's variables"),
        pytest.param("ungrouped", "ops@203.0.113.9:2222", id="before any section"),
        pytest.param("bastion", "ops@203.0.113.9:2222", id="one host by its name"),
    ],
)  # fmt: skip
def test_groups_of_an_ini_inventory(folder: Path, group: str, nodes: str) -> None:
    assert ask_of(folder, "hosts", INI.replace("ann b", "annb"), group) == nodes.split()


def test_a_parent_has_the_hosts_of_its_children_and_all_has_all(folder: Path) -> None:
    text = INI.replace("ann b", "annb")
    site = ask_of(folder, "hosts", text, "site")

    assert site == ask_of(folder, "hosts", text, "web") + ask_of(folder, "hosts", text, "db")
    for everything in ("all", "*"):
        assert set(ask_of(folder, "hosts", text, everything)) == {*site, "ops@203.0.113.9:2222"}
    assert set(ask(folder, "@ansible", ANSIBLE_INVENTORY="hosts")) == {
        *site,
        "ops@203.0.113.9:2222",
    }


@pytest.mark.parametrize(
    ("group", "nodes"),
    [
        pytest.param("web", "deploy@web01.example.com deploy@web03.example.com deploy@10.0.0.9", id="step"),
        pytest.param("db", "dba@db-a dba@db-b dba@db-c", id="hosts as one text"),
        pytest.param("bastion", "ops@203.0.113.9:2222", id="host of all"),
    ],
)  # fmt: skip
def test_groups_of_a_yaml_inventory(folder: Path, group: str, nodes: str) -> None:
    assert ask_of(folder, "hosts.yml", YAML, group) == nodes.split()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param("[web\nx", "line 1: '[web' has no ']'", id="no section"),
        pytest.param("[web:things]\n", "line 1: 'things' is no kind of section", id="kind of section"),
        pytest.param("web1 what\n", "line 1: 'what' is no setting", id="word after a host"),
        pytest.param("[a:vars]\nx\n", "line 2: 'x' is no setting", id="no value"),
        pytest.param("web1 a='b\n", "line 1: a quotation mark", id="quotation"),
        pytest.param("web[9:1]\n", "line 1: the range in 'web[9:1]' is empty", id="backwards"),
        pytest.param("web[a:9]\n", "is empty", id="letters to numbers"),
        pytest.param("web[1:9:0]\n", "is empty", id="step 0"),
        pytest.param("web[1:99999999]\n", "more than 1,000,000 hosts", id="too many"),
        pytest.param(f"web[1:{'9' * 30}]\n", "more than 1,000,000 hosts", id="digits"),
        pytest.param(f"web[1:2:{'9' * 5000}]\n", "more than 1,000,000 hosts", id="digits of a step"),
        pytest.param("web1 ansible_host='{{ x }}'\n", "ansible_host of web1 is a template", id="template"),
    ],
)  # fmt: skip
def test_an_ini_inventory_that_cannot_be_read_is_an_error(
    folder: Path, text: str, what: str
) -> None:
    with pytest.raises(UsageError, match=r"@ansible") as caught:
        ask_of(folder, "hosts", text, "all")

    assert what in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param("a: [\n", "line 2: this is no YAML", id="no YAML"),
        pytest.param("a: \x07\n", "this is no YAML", id="control character"),
        pytest.param("- a\n", "the file is not a mapping", id="list"),
        pytest.param("all: {hosts: [a]}\n", "hosts of 'all' is not a mapping", id="list of hosts"),
        pytest.param("all: {nodes: {a: }}\n", "group 'all' has 'nodes'", id="unknown key"),
        pytest.param("all: &a {children: {b: *a}}\n", "a group holds itself", id="circle"),
        pytest.param("[" * 5000, "too much stands inside of something else", id="brackets"),
    ],
)
def test_a_yaml_inventory_that_cannot_be_read_is_an_error(
    folder: Path, text: str, what: str
) -> None:
    with pytest.raises(UsageError, match=r"@ansible") as caught:
        ask_of(folder, "hosts.yaml", text, "all")

    assert what in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_an_empty_inventory_has_no_nodes(folder: Path) -> None:
    assert ask_of(folder, "hosts.yaml", "", "all") == []
    assert ask_of(folder, "hosts", "", "all") == []


def test_an_unknown_group_names_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"Did you mean @ansible:site\?"):
        ask_of(folder, "hosts", INI, "sites")


def test_a_circle_of_groups_ends(folder: Path) -> None:
    text = "[a]\nx\n[a:children]\nb\n[b:children]\na\n"

    assert ask_of(folder, "hosts", text, "b") == ["x"]


def test_the_file_may_stand_in_the_expression(folder: Path) -> None:
    (folder / "prod.ini").write_text("[web]\nweb1\n")

    assert ask(folder, "@ansible:prod.ini:web") == ["web1"]
    with pytest.raises(UsageError, match=r"@ansible:prod.ini:web"):
        ask(folder, "@ansible:prod.ini:wbe")


@pytest.mark.parametrize(
    ("config", "env"),
    [
        pytest.param("ansible.cfg", {}, id="of this folder"),
        pytest.param("home/.ansible.cfg", {}, id="of the home directory"),
        pytest.param("else/where.cfg", {"ANSIBLE_CONFIG": "else/where.cfg"}, id="of the variable"),
    ],
)
def test_ansibles_settings_name_the_inventory(
    folder: Path, config: str, env: dict[str, str]
) -> None:
    path = folder / config
    path.parent.mkdir(exist_ok=True)
    path.write_text("[defaults]\ninventory = ./inv/one, ./inv/two\n")
    (path.parent / "inv").mkdir()
    (path.parent / "inv" / "one").write_text("one1\n")
    (path.parent / "inv" / "two").write_text("two1\n")

    assert ask(folder, "@ansible:all", **env) == ["one1", "two1"]


def test_a_folder_is_all_its_inventories(folder: Path) -> None:
    inventory = folder / "inv"
    (inventory / "host_vars").mkdir(parents=True)
    (inventory / "host_vars" / "web1").write_text("not: read\n")
    (inventory / "a.ini").write_text("[web]\nweb1\n")
    (inventory / "b.yml").write_text("web: {hosts: {web2: }}\n")
    (inventory / ".hidden").write_text("[broken\n")
    (inventory / "a.ini~").write_text("old\n")

    assert ask(folder, "@ansible:web", ANSIBLE_INVENTORY="inv") == ["web1", "web2"]


def test_an_inventory_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the inventory nowhere: no such file"):
        ask(folder, "@ansible:web", ANSIBLE_INVENTORY="nowhere")


def test_a_name_that_no_file_can_have_is_an_error_all_the_same(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the inventory n+: file name too long"):
        ask(folder, f"@ansible:{'n' * 300}:all")
    with pytest.raises(UsageError, match="NUL"):
        ask(folder, "@ansible:a\0b:all")

    name = "n" * 300
    assert ask_of(folder, "hosts", f"[web]\n{name}\n", "web") == [name]


def test_an_inventory_that_is_a_program_is_not_run(folder: Path) -> None:
    (folder / "hosts").write_text("#!/bin/sh\ntouch ran\n")
    (folder / "hosts").chmod(0o755)

    with pytest.raises(UsageError, match="is a program, which we do not run"):
        ask(folder, "@ansible:web", ANSIBLE_INVENTORY="hosts")

    assert not (folder / "ran").exists()


def test_groups_are_listed(folder: Path) -> None:
    (folder / "hosts").write_text("[web]\nweb1\n")
    surroundings = Surroundings(env={}, home=folder, ansible_inventory=str(folder / "hosts"))

    assert Resolver(surroundings).groups("ansible") == ["all", "web"]


BESIDE = {
    "hosts": "[web]\nx1\nx2\nx3 ansible_user=inline ansible_port=1\n[db]\nd1\n[site:children]\nweb\ndb\n"
    "[web:vars]\nansible_port=1000\nansible_user=inlinegroup\n",
    "host_vars/x1.yml": "ansible_host: 10.9.9.1\n",
    "host_vars/x2/a.yml": "ansible_host: 10.9.9.2\n",
    "host_vars/x2/b/c.yaml": "ansible_user: u2\n",
    "host_vars/x2/.hidden.yml": "ansible_user: [broken\n",
    "host_vars/x3.json": '{"ansible_port": 77}',
    "host_vars/d1.yml": "no_use: {{ of_it }}\n",
    "group_vars/all": "ansible_user: fromall\n",
    "group_vars/web/main.yml": "ansible_port: 4000\n",
    "group_vars/web/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n3132\n",
}
"""An inventory, of which ansible-inventory (core 2.19) makes what the tests below say."""


def lay_out(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("inventory", ["inv", "inv/hosts"])
def test_folders_beside_an_inventory_say_more_of_groups_and_hosts(
    folder: Path, inventory: str
) -> None:
    lay_out(folder / "inv", BESIDE)

    assert ask(folder, f"@ansible:{inventory}:site") == [
        "fromall@10.9.9.1:4000",
        "u2@10.9.9.2:4000",
        "inline@x3:77",
        "fromall@d1",
    ]


def test_folders_where_we_are_say_it_last_unless_anybody_can_write_there(folder: Path) -> None:
    lay_out(folder / "inv", BESIDE)
    lay_out(
        folder,
        {
            "host_vars/x1": "ansible_host: 7.7.7.7\n",
            "group_vars/db": "ansible_user: play\n",
            "ansible.cfg": "[defaults]\ninventory = inv\n",
        },
    )

    assert ask(folder, "@ansible:x1,@ansible:d1") == ["fromall@7.7.7.7:4000", "play@d1"]
    folder.chmod(0o777)
    assert ask(folder, "@ansible:x1", ANSIBLE_INVENTORY="inv") == ["fromall@10.9.9.1:4000"]
    with pytest.raises(UsageError, match="/etc/ansible/hosts"):
        ask(folder, "@ansible:x1")


@pytest.mark.parametrize(
    ("files", "what"),
    [
        pytest.param(
            {"host_vars/x": "ansible_host: [\n"}, "host_vars/x, line 2: this is no YAML", id="YAML"
        ),
        pytest.param({"host_vars/x": "- ansible_host\n"}, "the file is not a mapping", id="list"),
        pytest.param(
            {"host_vars/x": "ansible_host: '{{ y }}'\n"}, "of x is a template", id="template"
        ),
        pytest.param(
            {"group_vars/all": "ansible_user: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  31\n"},
            "ansible_user of x is encrypted",
            id="vault",
        ),
    ],
)
def test_what_folders_say_that_cannot_be_read_is_an_error(
    folder: Path, files: dict[str, str], what: str
) -> None:
    lay_out(folder, {"hosts": "x\n", **files})

    with pytest.raises(UsageError, match="@ansible") as caught:
        ask(folder, "@ansible:hosts:all")

    assert what in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_of_a_folder_that_is_no_text_is_named(folder: Path) -> None:
    lay_out(folder, {"hosts": "x\n", "host_vars/y": "\n"})
    (folder / "host_vars/x").write_bytes(b"ansible_host: \xff\n")

    with pytest.raises(UsageError, match="cannot read host_vars/x: not a text file"):
        ask(folder, "@ansible:hosts:all")


@pytest.mark.parametrize(
    "head", ["", "---\n", "# a comment\n\n", "# one\n  # two\n---\n"], ids=repr
)
def test_a_file_without_a_suffix_may_be_yaml(folder: Path, head: str) -> None:
    assert ask_of(folder, "hosts", head + "web:   # of YAML\n  hosts: {web1: }\n", "web") == [
        "web1"
    ]
    assert ask_of(folder, "hosts", head.replace("---\n", "") + "web1:22\n", "all") == ["web1:22"]


def test_nothing_as_a_value_takes_back_what_a_group_says(folder: Path) -> None:
    text = "all:\n  vars: {ansible_user: base}\n  hosts:\n    a: {ansible_user: null}\n    b:\n"

    assert ask_of(folder, "hosts.yml", text, "all") == ["a", "base@b"]


def test_hosts_that_no_other_group_has_are_ungrouped(folder: Path) -> None:
    text = "all:\n  hosts: {a: , b: }\n  children: {web: {hosts: {b: , c: }}}\n"

    assert ask_of(folder, "hosts.yml", text, "ungrouped") == ["a"]
    assert ask_of(folder, "hosts", "a\nb\n[web]\nb\n", "ungrouped") == ["a"]

"""``@ansible:GROUP``: the hosts of an Ansible inventory, INI or YAML."""

from __future__ import annotations

from trioexec.settings.sources.ansible.source import AnsibleSource

__all__ = ["AnsibleSource"]

"""``@slurm:PARTITION`` by sinfo; ``@slurm`` inside a job, from its environment."""

from __future__ import annotations

from collections.abc import Iterator

from trioexec.model.errors import UsageError
from trioexec.settings.sources.base import ALL, Surroundings, unknown_group
from trioexec.settings.sources.lines import expressions_of
from trioexec.settings.sources.programs import output_of

__all__ = ["SlurmSource"]

JOB_VARIABLES = ("SLURM_JOB_NODELIST", "SLURM_NODELIST")
"""The newer name first."""


class SlurmSource:
    """Asks sinfo, whatever state the nodes are in."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._env = surroundings.env

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the nodes of a partition, of the job we are in, or all.

        Raises:
            UsageError: We are in no job, there is no such partition, or sinfo cannot be asked.
        """
        if not group:
            yield self._of_job()
            return
        argv = ["sinfo", "--noheader", "--format=%N"]
        if group != ALL:
            argv.append(f"--partition={group}")
        texts = list(expressions_of(output_of(argv, f"@slurm:{group}", self._env).splitlines()))
        # sinfo has nothing to say of a partition that is not there, and exits 0.
        if not texts and group != ALL and group not in (known := self.groups()):
            raise unknown_group(f"@slurm:{group}", known, prefix="@slurm:")
        yield from texts

    def groups(self) -> list[str]:
        """List the partitions."""
        argv = ["sinfo", "--noheader", "--format=%R"]
        return list(dict.fromkeys(output_of(argv, "@slurm", self._env).split()))

    def _of_job(self) -> str:
        for variable in JOB_VARIABLES:
            if self._env.get(variable):
                return self._env[variable]
        raise UsageError(
            f"@slurm: this is not inside a Slurm job: {JOB_VARIABLES[0]} is not set.\n"
            "Name a partition, as in @slurm:debug, or run this under salloc or sbatch."
        )

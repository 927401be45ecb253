"""Two hosts that `ssh` reaches on this machine, under the names `node1` and `node2`.

What the processes of a tree see goes along; on real hosts it stands in the profile of their users.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PORT = 17022
SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
AcceptEnv *
"""
SSH = """
Host node*
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  SendEnv *
Host node1
  SetEnv SLURMD_NODENAME=node1
Host node2
  SetEnv SLURMD_NODENAME=node2
"""


def lacks_plugin() -> bool:
    """Say whether Snakemake's plugin is missing that waits for a command."""
    return find_spec("snakemake_executor_plugin_cluster_sync") is None


def why_not() -> str | None:
    """Why there can be no such hosts here, or None."""
    missing = [name for name in ("ssh", "/usr/sbin/sshd") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: openssh-server)"
    if lacks_plugin():
        return "Snakemake's plugin is not installed (make setup-hosts)"
    return None


@contextmanager
def running_hosts(folder: Path) -> Iterator[Path]:
    """Start a daemon for both; yield a folder whose `ssh` reaches them."""
    folder.mkdir()
    for key in ("host", "user"):
        keygen = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key)
        subprocess.run(keygen, check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    places = {"port": PORT, "folder": folder}
    (folder / "sshd_config").write_text(SSHD.format(**places), encoding="utf-8")
    (folder / "ssh_config").write_text(SSH.format(**places), encoding="utf-8")
    (folder / "bin").mkdir()
    ssh = folder / "bin/ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n', "utf-8")
    ssh.chmod(0o755)
    files = ("-f", str(folder / "sshd_config"), "-E", str(folder / "log"))
    command = ["/usr/sbin/sshd", "-D", *files]
    with subprocess.Popen(command) as daemon:
        try:
            deadline = time.monotonic() + 20
            while subprocess.run([ssh, "node1", "true"], check=False).returncode:
                assert time.monotonic() < deadline, (folder / "log").read_text("utf-8")
                time.sleep(0.1)
            yield folder / "bin"
        finally:
            daemon.terminate()

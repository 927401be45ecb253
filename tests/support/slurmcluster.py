"""A real SLURM of two nodes on this machine, each with a device file that stands for a GPU."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SETTINGS = Path("/etc/slurm")
"""Not elsewhere: Snakemake's plugin drops the variable that would name another place."""
MUNGE = Path("/run/munge")
NODES = {"n1": "/dev/null", "n2": "/dev/zero"}
"""Each node and the device file that it has as a GPU."""
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=17000
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=300
SlurmdTimeout=4
AuthInfo=cred_expire=5
KillWait=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
GresTypes=gpu
SlurmdParameters=config_overrides
{nodes}
PartitionName=gpu Nodes=ALL State=UP MaxTime=1440
PartitionName=cpu Nodes=ALL Default=YES State=UP MaxTime=1440
"""


def why_not() -> str | None:
    """Why there can be no cluster here, or None."""
    missing = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: slurm-wlm, munge)"
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    if (SETTINGS / "slurm.conf").exists():
        return "this machine has a SLURM of its own"
    return None


class Cluster:
    """The running daemons."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        host = socket.gethostname()
        (self.folder / "state").mkdir(parents=True)
        lines = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={17001 + number} "
            "CPUs=16 RealMemory=64000 Gres=gpu:1"
            for number, name in enumerate(NODES)
        ]
        conf = CONF.format(host=host, folder=self.folder, nodes="\n".join(lines))
        (SETTINGS / "slurm.conf").write_text(conf)
        gres = [
            f"NodeName={name} Name=gpu File={file} Flags=nvidia_gpu_env\n"
            for name, file in NODES.items()
        ]
        (SETTINGS / "gres.conf").write_text("".join(gres))
        for folder in (MUNGE, Path("/var/log/munge"), Path("/var/lib/munge")):
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, "munge", "munge")
        self._start("munged", "runuser", "-u", "munge", "--", "munged", "--foreground")
        self._wait("munge", (MUNGE / "munge.socket.2").exists)
        self._start("slurmctld", "slurmctld", "-D")
        for name in NODES:
            self._start(name, "slurmd", "-D", "-N", name)
        self._wait("both nodes", lambda: self.say("sinfo", "-h", "-N", "-o", "%T") == ["idle"] * 4)

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._daemons[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def _wait(self, what: str, condition) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                logs = [path.read_text()[-800:] for path in self.folder.glob("*.log")]
                raise AssertionError(f"{what} did not come up:\n" + "\n".join(logs))
            time.sleep(0.1)

    def say(self, *command: str) -> list[str]:
        """The lines that a command of SLURM prints; none while the controller is not up."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.split()

    def kill_node(self, name: str) -> None:
        """End a node as a power cut would: its daemon and all that runs on it, at once."""
        ids = self.say("squeue", "-h", "-w", name, "-o", "%i")
        self._daemons[name].kill()
        self._daemons[name].wait()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                command = " ".join(process.cmdline())
                step = any(command.startswith(f"slurmstepd: [{number}.") for number in ids)
                if step or process.environ().get("SLURMD_NODENAME") == name:
                    process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "slurmstepd" or "SLURMD_NODENAME" in process.environ():
                    process.kill()
        for name in ("slurm.conf", "gres.conf"):
            (SETTINGS / name).unlink(missing_ok=True)


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Yield the cluster, and leave nothing of it behind."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()

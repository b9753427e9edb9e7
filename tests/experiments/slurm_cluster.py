"""A real SLURM for the tests: a controller and two nodes on this computer, reachable from nowhere else."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from experiments.benchmarks.simulated_slurm import await_true, free_port

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scontrol", "munged")
NODES = ("n1", "n2")
ENDING_WITH_THE_TESTS = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
"""A daemon gets SIGTERM when the tests are killed before they can end it."""
UNFINISHED = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED"}
# a requeued job waits cred_expire seconds before it starts again; 120 is SLURM's own
CONFIGURATION = """\
ClusterName=threefold
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=2,sched_min_interval=0,defer_batch,batch_sched_delay=0,requeue_delay=1
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=60
InactiveLimit=0
KillWait=5
MinJobAge=600
Waittime=0
JobRequeue=1
PropagateResourceLimits=NONE
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=00:30:00 State=UP OverSubscribe=NO
"""


class Cluster:
    """Starts its daemons with `start` and ends exactly these with `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "MASTER_ADDR": "127.0.0.1",  # the nodes' names resolve nowhere
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
        }

    def start(self) -> None:
        for name in ("state", "munge", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} CPUs=2 RealMemory=1000"
            for node in NODES
        )
        settings = {"host": host, "folder": self.folder, "controller_port": free_port(), "nodes": nodes}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
        munge = self.folder / "munge"
        subprocess.run(["mungekey", "--create", "--keyfile", munge / "key"], check=True)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{name}={munge / file}" for name, file in files.items()]
        self.begin("munged", "--foreground", "--force", "--num-threads=2", *options)
        self.await_or_tell((munge / "socket").exists, 30)
        self.begin("slurmctld", "-D", "-i")
        for node in NODES:
            self.begin("slurmd", "-D", "-N", node)
        self.await_or_tell(
            lambda: set(self.ask("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").split()) == set(NODES), 60
        )

    def begin(self, *words: str) -> None:
        with (self.folder / f"{len(self.daemons)}-{words[0]}.out").open("wb") as out:
            self.daemons.append(
                subprocess.Popen(
                    [*ENDING_WITH_THE_TESTS, *words],
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )

    def stop(self) -> None:
        """Cancels every job, waits until their processes are gone, and ends the daemons, the first one last."""
        self.ask("scancel", "--user", "root")
        await_true(lambda: not self.ask("squeue", "-h").strip(), 30)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def ask(self, *words: str) -> str:
        """What one of SLURM's commands prints; nothing where it fails."""
        asking = {**os.environ, **self.environment}
        try:
            return subprocess.run(words, env=asking, capture_output=True, text=True, timeout=30).stdout
        except subprocess.TimeoutExpired:
            return ""

    def states(self, job: str) -> set[str]:
        """Of a job, or of all jobs of an array."""
        shown = self.ask("scontrol", "show", "job", job, "-o")
        return {word.split("=")[1] for word in shown.split() if word.startswith("JobState=")}

    def ended(self, job: str, seconds: float) -> set[str]:
        """The states in which a job has ended."""
        self.await_or_tell(lambda: bool(self.states(job)) and not self.states(job) & UNFINISHED, seconds, job)
        return self.states(job)

    def await_or_tell(self, condition: Callable[[], bool], seconds: float, job: str | None = None) -> None:
        """Raises AssertionError with all that is known when the condition does not come true in time."""
        over = lambda: job is not None and bool(self.states(job)) and not self.states(job) & UNFINISHED  # noqa: E731
        await_true(lambda: condition() or over(), seconds)
        if not condition():
            logs = [f"{path}\n{path.read_text(errors='replace')[-2000:]}" for path in self.folder.glob("*.log")]
            shown = self.ask("scontrol", "show", "job", job) if job else ""
            raise AssertionError("\n".join([f"not within {seconds} s, or the job is over", shown, *logs]))


def missing() -> str | None:
    """Why there can be no cluster here; None where there can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not found: apt-get install slurmctld slurmd slurm-client munge"
    return "SLURM's daemons run as root here, and this user is not" if os.geteuid() != 0 else None


def processes_of(job: str) -> list[str]:
    """The command lines of all processes of a job on this computer."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"SLURM_JOB_ID={job}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has just ended
            continue
    return found


def await_gone(job: str, seconds: float) -> list[str]:
    """What is left of a job after so many seconds."""
    end = time.monotonic() + seconds
    while (left := processes_of(job)) and time.monotonic() < end:
        time.sleep(0.2)
    return left

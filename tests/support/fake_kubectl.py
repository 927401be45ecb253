"""Stands for `kubectl` and a cluster: a pod that is created runs on this machine, to its end.

Pods are kept below `FAKE_CLUSTER`, each as it was asked for, with how it ended.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

PODS = Path(os.environ["FAKE_CLUSTER"])


def main(verb: str, *arguments: str) -> None:
    if verb == "create":
        assert arguments == ("--filename", "-"), arguments
        pod = yaml.safe_load(sys.stdin)
        (container,) = pod["spec"]["containers"]
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {volume["name"] for volume in pod["spec"]["volumes"]}
        done = subprocess.run(container["command"], check=False, stdin=subprocess.DEVNULL)
        pod["status"] = {"phase": "Failed" if done.returncode else "Succeeded"}
        PODS.mkdir(exist_ok=True)
        (PODS / f"{pod['metadata']['name']}.json").write_text(json.dumps(pod), encoding="utf-8")
    elif verb == "get":
        assert arguments[0] == "pod"
        assert arguments[2:] == ("--output", "jsonpath={.status.phase}")
        pod = json.loads((PODS / f"{arguments[1]}.json").read_text("utf-8"))
        print(pod["status"]["phase"])
    elif verb == "delete":
        (PODS / f"{arguments[1]}.json").rename(PODS / f"{arguments[1]}.deleted")
    else:
        assert verb == "logs", verb
        print("the log of a pod")


main(*sys.argv[1:])

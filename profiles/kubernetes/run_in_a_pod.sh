#!/usr/bin/env bash
# Runs a job's script in a pod of its own: run_in_a_pod.sh GPUS MEM_MB CORES JOBSCRIPT
# Edit pod.yaml: the image, the claim, and where it is mounted.
set -euo pipefail

export GPUS=$1 MEM_MB=$2 CORES=$3 SCRIPT=$4
NAME=vlmeter-$(tr -dc a-z0-9 </dev/urandom | head -c 12 || true)
export NAME
here=$(dirname "$0")

delete_pod() { kubectl delete pod "$NAME" --ignore-not-found --wait=false >/dev/null; }
trap delete_pod EXIT
trap 'exit 1' INT TERM

# shellcheck disable=SC2016 # envsubst is to see the names
envsubst '$NAME $GPUS $MEM_MB $CORES $SCRIPT' <"$here/pod.yaml" | kubectl create --filename - >/dev/null
while true; do
  phase=$(kubectl get pod "$NAME" --output 'jsonpath={.status.phase}')
  case $phase in
    Succeeded) exit 0 ;;
    Failed)
      kubectl logs "$NAME" --tail 50 >&2 || true
      exit 1
      ;;
  esac
  sleep 5
done

#!/usr/bin/env bash
# Runs a job's script on a host that has none: run_on_a_host.sh HOSTS JOBSCRIPT
# The kernel holds each host's lock for the process that took it, and frees it with that process.
set -euo pipefail

hosts=$1 script=$2
locks=${VLMETER_HOST_LOCKS:-${TMPDIR:-/tmp}/vlmeter-hosts-$(id -u)}
mkdir -p "$locks"
mapfile -t places < <(grep -Ev '^[[:space:]]*(#|$)' "$hosts")
if [ ${#places[@]} -eq 0 ]; then
  echo "$hosts names no host: write one a line." >&2
  exit 1
fi

while true; do
  for place in "${!places[@]}"; do
    host=${places[$place]}
    exec {lock}>"$locks/$place-${host//[^A-Za-z0-9.-]/_}"
    if flock --nonblock "$lock"; then
      # A host that stays silent for a minute is lost. On a terminal, the job ends with this process.
      exec ssh -tt -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 \
        -o ServerAliveCountMax=4 "$host" bash "$(printf %q "$script")" </dev/null
    fi
    exec {lock}>&-
  done
  sleep 1
done

#!/usr/bin/env bash
# A Slurm cluster of one node, this one, on the loopback address: `cluster.sh start DIR`, `cluster.sh stop DIR`. Needs root,
# slurm-wlm and munge (Debian's packages). Everything that it writes is in DIR, an absolute path.
set -euo pipefail

start() {
    local dir=$1 name
    name=$(hostname -s)
    mkdir -p "$dir"/{munge,state,spool,log}
    # munged trusts no key and no socket in a place that others can write to.
    chmod 755 "$dir"; chmod 700 "$dir"/munge
    dd if=/dev/urandom of="$dir/munge/key" bs=1024 count=1 status=none
    chmod 600 "$dir/munge/key"
    munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
        --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
    cat >"$dir/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$name(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
SlurmctldPort=${SLURMCTLD_PORT:-16817}
SlurmdPort=${SLURMD_PORT:-16818}
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,requeue_setup_env_fail
MinJobAge=600
KillWait=5
ReturnToService=2
MailProg=/bin/true
SlurmdParameters=config_overrides
NodeName=$name NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes=$name Default=YES MaxTime=60 State=UP
CONF
    export SLURM_CONF="$dir/slurm.conf"
    slurmctld
    slurmd
    for _ in $(seq 100); do
        if sinfo -h -o %T 2>/dev/null | grep -q idle; then return 0; fi
        sleep 0.2
    done
    tail -n 20 "$dir"/log/* >&2
    echo "the cluster did not come up" >&2
    return 1
}

stop() {
    local dir=$1 pid
    for pid in slurmd.pid slurmctld.pid munge/pid; do
        if [ -e "$dir/$pid" ]; then kill "$(cat "$dir/$pid")" 2>/dev/null || true; fi
    done
}

"$@"

#!/bin/sh
# `unshare --mount --propagation private boot.sh DIRECTORY probe|boot [options of systemd-nspawn]`
#
# Boots this machine's own systemd once more, in a container whose root is this machine's with all changes kept in memory.
# Of what is installed here nothing is started. `probe` only finds out whether the kernel lets it. Mounts are gone with
# the last process; nothing outside of DIRECTORY and of one control group is touched. SIGTERM shuts it down.
set -eu
directory=$1 action=$2
shift 2

booted_host=$([ -d /run/systemd/system ] && echo yes || echo no)
group=/sys/fs/cgroup/postroom-test-$$
mount -t tmpfs -o mode=755 tmpfs "$directory"
mkdir "$directory/changes" "$directory/work" "$directory/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$directory/changes,workdir=$directory/work" "$directory/root"
if [ "$booted_host" = no ]; then # nobody here hands out control groups, so one is taken
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs tmpfs /run
    mkdir "$group"
    set -- --keep-unit "$@"
fi
if [ "$action" = probe ]; then
    if [ "$booted_host" = no ]; then rmdir "$group"; fi
    exit 0
fi

cd "$directory/root"
rm -rf etc/systemd/system etc/rc?.d etc/postroom var/lib/postroom lib/systemd/system-generators
rm -rf lib/systemd/system/multi-user.target.wants lib/systemd/system/timers.target.wants
find lib/systemd/system/sockets.target.wants -type l ! -name '*journald*' -delete
mkdir etc/systemd/system
rm -f etc/machine-id # and not left away: on what it takes for its first boot, systemd enables all there is
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
cd /

if [ "$booted_host" = no ]; then echo $$ >"$group/cgroup.procs"; fi
systemd-nspawn --directory="$directory/root" --machine="postroom-test-$$" --register=no --boot --console=pipe \
    --resolv-conf=off --timezone=off "$@" systemd.unit=multi-user.target &
trap 'kill $!' TERM
while kill -0 $! 2>/dev/null; do wait $! || true; done
if [ "$booted_host" = no ]; then
    echo $$ >/sys/fs/cgroup/cgroup.procs
    find "$group" -depth -type d -exec rmdir {} +
fi

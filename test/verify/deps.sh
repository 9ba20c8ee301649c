#!/usr/bin/env bash
# Installs what building and testing need: Debian packages that are missing (as root) and the Go modules. Asks nothing, reads no stdin.
# With --if-root a user who may not install is told what is missing, and the tests that need it say SKIP by name.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec </dev/null

# command:package; the reason stands beside it because nobody should have to guess.
want=(
	git:git                        # the version of a build
	gcc:gcc                        # the race detector
	ip:iproute2                    # network namespaces of the end-to-end tests
	mkfs.ext4:e2fsprogs            # disks of their own for the end-to-end tests
	losetup:mount                  # the same
	curl:curl                      # the example of a client in shell is run
	ipmitool:ipmitool              # the bmc plugin's selectable second driver
	ipmi_sim:openipmi              # a second BMC, not ours, against which the bmc plugin is tested
	systemctl:systemd              # the unit is tested under a real one, booted in namespaces
	fence_ipmilan:fence-agents     # the agent plugin lists, opens and runs real ones
	snmpget:snmp                   # fence agents for power strips run it
	snmpd:snmpd                    # a second SNMP agent, not ours, also for version 3
	qemu-system-x86_64:qemu-system-x86 # the qmp plugin switches a real machine
	corosync:corosync              # real rings in namespaces: what its client libraries do, and the corosync provider
	corosync-qnetd:corosync-qnetd  # a quorum device's server, and each node's part of it
	corosync-qdevice:corosync-qdevice
	stress-ng:stress-ng            # the load beside which the bench measures the watchdog's holder
	spin:spin                      # searches the formal model in docs/model
	protoc:protobuf-compiler       # `make verify` checks that the generated code is current
	busybox:busybox-static cpio:cpio depmod:kmod xz:xz-utils readelf:binutils dlm_controld:dlm-controld mkfs.gfs2:gfs2-utils # the lab's guests, and what packs them
)
missing=()
for w in "${want[@]}"; do
	command -v "${w%%:*}" >/dev/null || [ -x "/usr/sbin/${w%%:*}" ] || [ -x "/sbin/${w%%:*}" ] || missing+=("${w##*:}")
done
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev) # the race detector links with cgo
for h in cpg quorum cmap cfg votequorum; do # the layouts of Go are compared with corosync's headers; -dev brings the library
	[ -e "/usr/include/corosync/$h.h" ] || missing+=("lib$h-dev")
done
# A plugin in another language than Go is proven.
/usr/bin/python3 -c 'import grpc, google.protobuf, cryptography' 2>/dev/null || missing+=(python3-grpcio python3-protobuf python3-cryptography)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)

if [ ${#missing[@]} -gt 0 ]; then
	if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
		echo "installing: ${missing[*]}"
		export DEBIAN_FRONTEND=noninteractive
		said=$({
			timeout 240 apt-get -qq -o DPkg::Lock::Timeout=120 update
			timeout 480 apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
		} 2>&1) || { echo "$said"; echo "cannot install ${missing[*]}" >&2; exit 1; }
	elif [ "${1:-}" = --if-root ]; then
		echo "not root on Debian, so not installed: ${missing[*]} (tests that need them say SKIP by name)"
	else
		echo "cannot install ${missing[*]}: not root on Debian; install them by hand" >&2
		exit 1
	fi
fi

timeout 480 go mod download

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// mountpoint is where the shared file system is mounted in a guest.
const mountpoint = "/mnt"

// What an administrator does where there is systemd, after docs/howto/install.md. No udev names the disk: a link of /run does.
const (
	units = "corosync.service fenced.service fenced-watchdog.service dlm.service remote-fs.target"
	fstab = "/run/shared " + mountpoint + " gfs2 _netdev,noatime,x-systemd.requires=fenced.service,x-systemd.requires=dlm.service 0 0\n"
)

// each does something on several machines at once.
func each(ms []*Machine, f func(*Machine) error) error {
	errs := make([]error, len(ms))
	var all sync.WaitGroup
	for i, m := range ms {
		all.Go(func() { errs[i] = f(m) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Install gives these machines their configuration, of corosync, dlm and fenced, as the setup of the lab says. A machine that boots from now on starts all of them.
func (l *Lab) Install(ctx context.Context, ms ...*Machine) error {
	yes := map[bool]string{true: "yes\n", false: "no\n"}
	files := map[string]string{
		"lab/reset": yes[l.setup.SelfFence], "lab/ask": yes[l.setup.AllAsk], "lab/watchdog": l.setup.Watchdog + "\n",
		"corosync/corosync.conf": l.corosyncConf(),
		"dlm/dlm.conf":           "log_debug=1\nenable_fencing=1\nenable_quorum_fencing=1\nfence_all /usr/libexec/fenced/fence_dlm\n",
		"fenced/fenced.yaml":     l.fencedYAML(), "fenced/bmc": BMCPassword + "\n",
	}
	return each(ms, func(m *Machine) error {
		for path, text := range files {
			kept := "/var/lib/lab/" + path
			if err := m.Put(ctx, kept, text); err != nil {
				return err
			}
		}
		if !m.systemd() {
			_, err := m.Run(ctx, "cp -a /var/lib/lab/. /etc/; sync")
			return err
		}
		if err := m.Put(ctx, "/var/lib/lab/fstab", fstab); err != nil {
			return err
		}
		_, err := m.Run(ctx, "set -e; cp -a /var/lib/lab/. /etc/; systemctl -q enable "+units+"; mkdir -p /var/lib/lab/systemd; cp -a /etc/systemd/system /var/lib/lab/systemd/; systemctl daemon-reload; sync")
		return err
	})
}

// Stack starts a part of the cluster's software (corosync, watchdog, fenced, dlm) on these machines.
func (l *Lab) Stack(ctx context.Context, part string, ms ...*Machine) error {
	return each(ms, func(m *Machine) error {
		_, err := m.Run(ctx, "stack "+part)
		return err
	})
}

// KillStack ends all cluster software of a machine by force. The kernel keeps what it has.
func (m *Machine) KillStack(ctx context.Context) error {
	_, err := m.Run(ctx, "stack kill")
	return err
}

// Ring waits until corosync on these machines is in one ring of them all.
func (l *Lab) Ring(ctx context.Context, ms ...*Machine) error {
	return each(ms, func(m *Machine) error {
		_, err := m.Run(ctx, fmt.Sprintf("until corosync-quorumtool -s | grep -q '^Nodes: *%d'; do sleep 0.2; done", len(ms)))
		return err
	})
}

func (l *Lab) corosyncConf() string {
	var b strings.Builder
	fmt.Fprintf(&b, "totem {\n version: 2\n cluster_name: lab\n transport: knet\n token: %d\n token_coefficient: 0\n crypto_cipher: none\n crypto_hash: none\n}\n"+
		"quorum {\n provider: corosync_votequorum\n}\nlogging {\n to_logfile: yes\n logfile: /var/log/cluster/corosync.log\n to_syslog: no\n to_stderr: no\n timestamp: hires\n}\nnodelist {\n", l.stretch(token).Milliseconds())
	for _, m := range l.Machines {
		fmt.Fprintf(&b, " node {\n  nodeid: %d\n  name: %s\n  ring0_addr: %s\n }\n", m.ID, m.Name(), m.Address())
	}
	return b.String() + "}\n"
}

// MakeFS makes the shared file system, with a journal for each machine.
func (l *Lab) MakeFS(ctx context.Context) error {
	_, err := l.Machines[0].Run(ctx, fmt.Sprintf("mkfs.gfs2 -O -q -p lock_dlm -t lab:shared -j %d -J 8 /dev/shared", len(l.Machines)))
	return err
}

// Mount mounts the shared file system, where all ask: once fenced has granted it.
func (m *Machine) Mount(ctx context.Context) error {
	_, err := m.Run(ctx, "stack mount")
	return err
}

// Unmount ends its writers, unmounts the shared file system where it is mounted, and says that it is used no more.
func (m *Machine) Unmount(ctx context.Context) error {
	_, err := m.Run(ctx, "stack unmount")
	return err
}

// Write starts a writer with a file of its own; it ends with the machine or the first error. Its lines are ground truth for Check.
func (m *Machine) Write(ctx context.Context, file string) error {
	if m.systemd() {
		_, err := m.Run(ctx, "systemctl start lab-writer@"+file)
		return err
	}
	_, err := m.Run(ctx, fmt.Sprintf("boot=$(cat /proc/sys/kernel/random/boot_id); setsid tool write %[1]s/%[2]s %[3]s $boot </dev/null >>/share/%[3]s/writes.$boot.jsonl 2>>/share/%[3]s/writer.log & echo $! >>/run/writers",
		mountpoint, file, m.Name()))
	return err
}

// Boot is the id of the machine's present life.
func (m *Machine) Boot(ctx context.Context) (string, error) {
	return m.Run(ctx, "cat /proc/sys/kernel/random/boot_id")
}

// Written is how many records of a life the disk took in this scenario, by what its writer said.
func (m *Machine) Written(boot string) int {
	name := filepath.Join(m.Share(), "writes."+boot+".jsonl")
	b, err := os.ReadFile(name)
	if err != nil {
		return 0 // it has not begun
	}
	return bytes.Count(b, []byte("\n")) - m.lab.before[name]
}

// Records reads a file of records on the shared file system and says whose it is, "NODE/BOOT", and how many there are. A record of anybody else is
// an error.
func (m *Machine) Records(ctx context.Context, file string) (owner string, n int, err error) {
	out, err := m.Run(ctx, "tool read "+mountpoint+"/"+file)
	if err == nil {
		_, err = fmt.Sscanf(out, "%s %d", &owner, &n)
	}
	return owner, n, err
}

// Kernel is a line of a kernel's log.
type Kernel struct {
	At   time.Time // by the machine's own clock, to about 10 ms
	Text string
}

// KernelLog is the kernel's log of a machine's present life.
func (m *Machine) KernelLog(ctx context.Context) ([]Kernel, error) {
	out, err := m.Run(ctx, "tool booted /proc/uptime; dmesg")
	if err != nil {
		return nil, err
	}
	first, rest, _ := strings.Cut(out, "\n")
	boot, err := time.Parse(time.RFC3339Nano, first)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read when it was booted: %w", m.Name(), err)
	}
	var log []Kernel
	for _, line := range strings.Split(rest, "\n") {
		var after float64
		stamp, text, ok := strings.Cut(strings.TrimPrefix(line, "["), "] ")
		if _, err := fmt.Sscan(stamp, &after); err == nil && ok {
			log = append(log, Kernel{boot.Add(time.Duration(after * float64(time.Second))), text})
		}
	}
	return log, nil
}

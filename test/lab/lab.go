package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Lab is a set of machines, numbered from 1, with their network and their shared disk.
type Lab struct {
	Machines []*Machine

	setup    Setup
	dir      string
	image    image
	net      *network
	ports    []int // of the BMCs, by node
	switches []net.Listener
	slow     float64        // how many times as long its machines took to boot as on a quiet host
	before   map[string]int // lines of each file that earlier scenarios wrote
}

const sharedDisk = 512 << 20 // bytes

// Start builds a lab of this setup and switches its machines on; they are up when it returns. Who starts it ends it, also where that fails.
func Start(ctx context.Context, i image, setup Setup, nodes int) (*Lab, error) {
	dir, err := os.MkdirTemp("", "lab") // a short path: it holds unix sockets
	if err != nil {
		return nil, err
	}
	l := &Lab{setup: setup, dir: dir, image: i, ports: make([]int, nodes+1), before: map[string]int{}}
	if err := l.build(ctx, nodes); err != nil {
		return l, err
	}
	begun := time.Now()
	for _, m := range l.Machines {
		if err := m.on(); err != nil {
			return l, err
		}
	}
	for _, m := range l.Machines {
		if _, err := m.Run(ctx, "true"); err != nil {
			return l, err
		}
	}
	l.slow = float64(time.Since(begun)) / float64(bootQuiet)
	return l, nil
}

func (l *Lab) build(ctx context.Context, nodes int) error {
	if err := os.MkdirAll(l.share(), 0o755); err != nil {
		return err
	}
	if err := sparse(l.disk(), sharedDisk); err != nil {
		return err
	}
	var err error
	if l.net, err = newNetwork(l.dir, nodes); err != nil {
		return err
	}
	for id := 1; id <= nodes; id++ {
		m := &Machine{ID: id, lab: l, dir: filepath.Join(l.dir, fmt.Sprintf("node-%d", id))}
		l.Machines = append(l.Machines, m)
		if err := m.build(ctx); err != nil {
			return err
		}
		if m.agent, err = freeTCP(); err != nil {
			return err
		}
		if l.ports[id], err = freeUDP(); err != nil {
			return err
		}
		sw, err := net.Listen("unix", m.file("power"))
		if err != nil {
			return err
		}
		l.switches = append(l.switches, sw)
		go m.servePower(sw)
		if err := m.startBMC(); err != nil {
			return err
		}
	}
	return nil
}

// Machine returns the machine of this number.
func (l *Lab) Machine(id int) *Machine { return l.Machines[id-1] }

// Cut drops all frames between two machines, both ways; Join undoes it.
func (l *Lab) Cut(a, b *Machine) { l.net.set(a.ID, b.ID, true); l.net.set(b.ID, a.ID, true) }

// Join lets frames through again, both ways.
func (l *Lab) Join(a, b *Machine) { l.net.set(a.ID, b.ID, false); l.net.set(b.ID, a.ID, false) }

// Heal lets all frames through again.
func (l *Lab) Heal() {
	for _, a := range l.Machines {
		for _, b := range l.Machines[:a.ID-1] {
			l.Join(a, b)
		}
	}
}

// Isolate cuts a machine off from all others. Its BMC stays reachable.
func (l *Lab) Isolate(m *Machine) {
	for _, o := range l.Machines {
		if o != m {
			l.Cut(m, o)
		}
	}
}

func (l *Lab) share() string { return filepath.Join(l.dir, "share") }
func (l *Lab) disk() string  { return filepath.Join(l.dir, "shared.img") }

// tellTale is how long a machine has, where a test failed, to write down what its kernel and its cluster software say.
const tellTale = 60 * time.Second

// End switches everything off. Where what happened is to be looked at, the machines write down what they know, and the directory stays and is
// returned.
func (l *Lab) End(keep bool) string {
	if keep {
		ctx, cancel := context.WithTimeout(context.Background(), tellTale)
		defer cancel()
		_ = each(l.Machines, func(m *Machine) error { // what it cannot write down any more is missing
			if m.Powered() {
				_, _ = m.Try(ctx, fmt.Sprintf("cd /share/%s; dmesg >dmesg; cp /var/log/cluster/corosync.log .; dlm_tool dump >dlm; ps >ps; fenced status >status 2>&1; journalctl --no-pager -o short-precise >journal 2>/dev/null", m.Name()), "")
			}
			return nil
		})
	}
	for _, m := range l.Machines {
		m.off()
		m.KillBMC()
	}
	for _, sw := range l.switches {
		_ = sw.Close()
	}
	if l.net != nil {
		l.net.close()
	}
	if keep {
		return l.dir
	}
	_ = os.RemoveAll(l.dir) // a leftover in the directory for temporary files harms nobody
	return ""
}

func freeTCP() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close() //nolint:errcheck // it was asked for its number only
	return l.Addr().String(), nil
}

func freeUDP() (int, error) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer c.Close() //nolint:errcheck // it was asked for its number only
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/plugins/host"
)

// plant is a plugin host with devices, as a daemon has it, in this process.
type plant struct {
	host    *host.Host
	devices *daemon.HostDevices
	dir     string
}

// warming bounds the start of plugins and the opening of all their devices.
const warming = 60 * time.Second

// newPlant starts the plugins of these devices and opens all of them.
func (r *run) newPlant(ctx context.Context, devices []host.DeviceConfig) (*plant, error) {
	dir, err := os.MkdirTemp("/tmp", "fb") // its sockets must have short names
	if err != nil {
		return nil, err
	}
	h, err := host.New(host.Config{Dir: filepath.Join(r.build, "plugins"), RunDir: dir})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &plant{host: h, devices: daemon.NewHostDevices(h), dir: dir}
	ctx, cancel := context.WithTimeout(ctx, warming)
	defer cancel()
	if err = h.Configure(devices); err == nil {
		err = h.Warm(ctx)
	}
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // the others say the same
		return nil, errors.Join(fmt.Errorf("of %d devices: %s", len(devices), first), p.stop())
	}
	return p, nil
}

func (p *plant) stop() error { return errors.Join(p.host.Close(), os.RemoveAll(p.dir)) }

// plugins are the processes of the host's plugins.
func (p *plant) plugins() []int {
	var pids []int
	for _, one := range p.host.Processes() {
		pids = append(pids, one.PID)
	}
	return pids
}

// deviceName is that of the i-th device of a crowd, from 0.
func deviceName(i int) string { return fmt.Sprintf("device-%03d", i+1) }

// ipmiDevices are the devices of simulated BMCs, as a configuration would have them.
func ipmiDevices(h *hardware, more map[string]string) []host.DeviceConfig {
	var out []host.DeviceConfig
	for i, port := range h.Ports {
		o := map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(port), "username": hwUser}
		for k, v := range more {
			o[k] = v
		}
		out = append(out, host.DeviceConfig{Name: deviceName(i), Plugin: "bmc", Options: o, Secrets: map[string]host.Secret{"password": host.NewSecret(hwPassword)}, Limit: 1})
	}
	return out
}

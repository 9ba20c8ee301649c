package host

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"time"
)

// Config is what a Host is made from. Zero values mean the defaults given here.
type Config struct {
	// Dir holds the plugins; RunDir is where private directories for their sockets are made (0700; at most 48 bytes long).
	Dir, RunDir string
	Logger      *slog.Logger
	// Checksums are SHA-256 sums in hexadecimal by plugin name; a plugin that has one here runs only if its file matches.
	// Demand changes them.
	Checksums map[string]string
	// StartTimeout bounds starting a process until it has answered Describe: 5 s. StartTimeouts are those of plugins that may take another time.
	StartTimeout  time.Duration
	StartTimeouts map[string]time.Duration
	// Environment is what the processes of a plugin get beside what all get.
	Environment map[string][]string
	// CallTimeout bounds a call whose context has no deadline: 30 s. No call may take longer than a minute.
	CallTimeout time.Duration
	// Grace is how long after a call's deadline the plugin may take to return from it (R9): 500 ms.
	Grace time.Duration
	// Drain is how long a process that overran a read may go on with the calls of other devices: 10 s.
	Drain time.Duration
	// HealthInterval lies between two checks that a process answers, HealthTimeout bounds one: 10 s and 2 s.
	HealthInterval, HealthTimeout time.Duration
	// BackoffMin and BackoffMax bound the wait before a restart: none the first time, then 100 ms, doubled up to 30 s. A process that
	// lived for BackoffReset (10 s) starts the count again.
	BackoffMin, BackoffMax, BackoffReset time.Duration
	// MemoryLimit is the writable private memory of one process (RLIMIT_DATA), in bytes: 512 MiB. FileLimit is its open files: 4096.
	MemoryLimit, FileLimit uint64
}

// DefaultStartTimeout is Config.StartTimeout where nothing else is said.
const DefaultStartTimeout = 5 * time.Second

func (c Config) complete() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.StartTimeout, DefaultStartTimeout)
	def(&c.CallTimeout, 30*time.Second)
	def(&c.Grace, 500*time.Millisecond)
	def(&c.Drain, 10*time.Second)
	def(&c.HealthInterval, 10*time.Second)
	def(&c.HealthTimeout, 2*time.Second)
	def(&c.BackoffMin, 100*time.Millisecond)
	def(&c.BackoffMax, 30*time.Second)
	def(&c.BackoffReset, 10*time.Second)
	if c.MemoryLimit == 0 {
		c.MemoryLimit = 512 << 20
	}
	if c.FileLimit == 0 {
		c.FileLimit = 4096
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// startTimeout is how long a process of this plugin may take to start.
func (c *Config) startTimeout(plugin string) time.Duration {
	if d := c.StartTimeouts[plugin]; d > 0 {
		return d
	}
	return c.StartTimeout
}

// absolute makes the directories mean the same to a plugin, which runs in one of its own.
func (c *Config) absolute() error {
	for _, dir := range []*string{&c.Dir, &c.RunDir} {
		if *dir == "" {
			continue
		}
		var err error
		if *dir, err = filepath.Abs(*dir); err != nil {
			return err
		}
	}
	return nil
}

// DeviceConfig is one device of the configuration.
type DeviceConfig struct {
	Name   string
	Plugin string
	// Options and Secrets are given to the plugin as one set; a name may be in one of them only.
	Options map[string]string
	Secrets map[string]Secret
	// Limit is how many calls the host lets in at once; zero means 4. The plugin's own limit applies beside it.
	Limit int
	// Kind is what the configuration takes a success of this device for (R18); a device that says it is another kind is refused. "" for unchecked.
	Kind string
	// Isolate gives the device a process to itself.
	Isolate bool
}

const defaultLimit = 4

var pluginName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func (d DeviceConfig) check() error {
	switch {
	case d.Name == "":
		return errors.New("a device has no name")
	case !pluginName.MatchString(d.Plugin):
		return fmt.Errorf("device %s has the plugin %q, which is no plugin's name", d.Name, d.Plugin)
	}
	for name := range d.Secrets {
		if _, twice := d.Options[name]; twice {
			return fmt.Errorf("device %s has the option %s twice, once as a secret", d.Name, name)
		}
	}
	return nil
}

func (d DeviceConfig) equal(o DeviceConfig) bool {
	return d.Name == o.Name && d.Plugin == o.Plugin && d.Limit == o.Limit && d.Isolate == o.Isolate && d.Kind == o.Kind &&
		maps.Equal(d.Options, o.Options) && maps.EqualFunc(d.Secrets, o.Secrets, Secret.equal)
}

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/proto"
)

// Options say what is tested and how far the test may go.
type Options struct {
	// Path is the plugin's executable; its file name must be fenced-plugin-NAME.
	Path string
	// Device and Secrets are the options of a device that works; Target is one target of it.
	Device  map[string]string
	Secrets map[string]host.Secret
	Target  string
	// AllowPower lets the test switch the target off and on; it ends in the state it was found in.
	AllowPower bool
	// SetState, where the tester can, puts the target into a state ("on", "off") behind the plugin's back: only so can it be proven that
	// Status is never answered from a cache.
	SetState func(ctx context.Context, state string) error
	// Knobs are sets of further device options that make the test device misbehave, by the class that its calls must then end with:
	// limbo, refused, auth, unreachable, timeout. With "lie" the device accepts everything and does nothing.
	Knobs map[string]map[string]string
	// Timeout bounds one call; zero means 10 s.
	Timeout time.Duration
	// Slow multiplies the time that a process may take to start, and a case whose pace is not the point, for machines that are busy with other things; less than 1 means 1.
	Slow float64
}

// Outcome is how a case ended.
type Outcome string

// The outcomes. A skip says in Text what the tester would have to give.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip"
)

// Case is the result of one case.
type Case struct {
	Name string
	// Proves says in a sentence what a pass proves, and Of whom: plugin or host.
	Proves  string
	Of      string
	Outcome Outcome
	Text    string
	Took    time.Duration
}

// check is one case before it ran.
type check struct {
	name, proves string
	run          func(ctx context.Context, s *subject) error
}

// skip is the error of a case that cannot run.
type skip string

func (s skip) Error() string { return string(s) }

// subject is the plugin under test and what the cases share.
type subject struct {
	Options
	name  string
	dir   string // a private copy of the plugin is in here: the host runs it whoever owns the original
	log   *lines
	about host.Description
}

// Run runs all cases against the plugin and reports each as it ends. The error is of the test itself; whether the plugin is good is in the
// cases: none may have failed.
func Run(ctx context.Context, o Options, report func(Case)) error {
	s, err := newSubject(o)
	if err != nil {
		return fmt.Errorf("cannot test %s: %w", o.Path, err)
	}
	defer s.remove()
	for _, c := range append(append(shape(), power()...), hardness()...) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(s.try(ctx, c))
		if c.name == "describes itself" && s.about.Name == "" {
			return nil // nothing else can be asked of it
		}
	}
	return nil
}

func (s *subject) try(ctx context.Context, c check) Case {
	begin := time.Now()
	err := c.run(ctx, s)
	out := Case{Name: c.name, Proves: c.proves, Of: "plugin", Outcome: Pass, Took: time.Since(begin)}
	var why skip
	switch {
	case errors.As(err, &why):
		out.Outcome, out.Text = Skip, string(why)
	case err != nil:
		out.Outcome, out.Text = Fail, err.Error()
	}
	return out
}

func newSubject(o Options) (*subject, error) {
	name, ok := strings.CutPrefix(filepath.Base(o.Path), proto.FilePrefix)
	if !ok {
		return nil, fmt.Errorf("the file's name must be %sNAME", proto.FilePrefix)
	}
	name, _, _ = strings.Cut(name, "@") // which version it is of does not matter to what it must do
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	dir, err := os.MkdirTemp("", "fpt")
	if err != nil {
		return nil, err
	}
	s := &subject{Options: o, name: name, dir: dir, log: &lines{}}
	if err := s.copy(name); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// remove takes the private directory away; what stays of it is in the temporary directory and hurts nobody.
func (s *subject) remove() { _ = os.RemoveAll(s.dir) }

// copy puts the plugin into the private directory under a name.
func (s *subject) copy(name string) error {
	in, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	// A process that is forked meanwhile would inherit the open file for a moment, and the copy could not be run: text file busy.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(s.file(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (s *subject) file(name string) string { return filepath.Join(s.dir, proto.FilePrefix+name) }

// host makes a host with the given devices; extra options are added to the working ones. The caller closes it.
func (s *subject) host(c host.Config, devices map[string]map[string]string) (*host.Host, error) {
	c.Dir, c.RunDir, c.Logger = s.dir, s.dir, slog.New(s.log)
	if c.StartTimeout == 0 {
		c.StartTimeout = s.patience(host.DefaultStartTimeout)
	}
	h, err := host.New(c)
	if err != nil {
		return nil, err
	}
	var list []host.DeviceConfig
	for name, extra := range devices {
		options := map[string]string{}
		for k, v := range s.Device {
			options[k] = v
		}
		for k, v := range extra {
			options[k] = v
		}
		list = append(list, host.DeviceConfig{Name: name, Plugin: s.name, Options: options, Secrets: s.Secrets, Limit: 32})
	}
	if err := h.Configure(list); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// patience is how long this machine may take for what takes d on one that is not busy.
func (s *subject) patience(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(1, s.Slow))
}

// noDevice is a skip where the tester gave too few options to make a device: what it would do says nothing about the plugin.
func (s *subject) noDevice() error {
	var lacks []string
	for _, o := range s.about.Options {
		_, plain := s.Device[o.Name]
		_, secret := s.Secrets[o.Name]
		if o.Required && o.Default == "" && !plain && !secret {
			lacks = append(lacks, "--option "+o.Name+"=...")
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return skip("there is no device to try: give " + strings.Join(lacks, " "))
}

// with runs f with a host that has the working device, "d", open.
func (s *subject) with(ctx context.Context, f func(ctx context.Context, h *host.Host) error) error {
	if err := s.noDevice(); err != nil {
		return err
	}
	h, err := s.host(host.Config{}, map[string]map[string]string{"d": nil})
	if err != nil {
		return err
	}
	defer h.Close()
	ctx, cancel := context.WithTimeout(ctx, s.patience(10*s.Timeout))
	defer cancel()
	if err := h.Warm(ctx); err != nil {
		return fmt.Errorf("cannot open the device: %w", err)
	}
	return f(ctx, h)
}

func (s *subject) status(ctx context.Context, h *host.Host, device, target string) (host.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience(s.Timeout))
	defer cancel()
	return h.Status(ctx, device, target)
}

func (s *subject) do(ctx context.Context, h *host.Host, device, target, action string) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return h.Do(ctx, device, target, action)
}

// pid is the process that serves the working device.
func pid(h *host.Host) (int, error) {
	for _, p := range h.Processes() {
		if !p.Draining && p.Lane == "main" {
			return p.PID, nil
		}
	}
	return 0, errors.New("no process runs")
}

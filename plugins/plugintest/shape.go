package plugintest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/proto"
)

// shape are the cases about what a plugin says of itself and how it takes its options.
func shape() []check {
	return []check{
		{"describes itself", "Describe answers without any device, with the file's name, a kind, actions and documented options", describes},
		{"by hand", "--describe prints what it is; started by hand without arguments it ends, not 0, instead of hanging", byHand},
		{"version mismatch", "it does not serve a host of another protocol version", versionMismatch},
		{"unknown option", "an option that is not in its schema is refused", unknownOption},
		{"missing option", "each required option is demanded", missingOption},
		{"malformed option", "a value that does not fit its type is refused", malformedOption},
	}
}

func describes(ctx context.Context, s *subject) error {
	h, err := s.host(host.Config{}, nil)
	if err != nil {
		return err
	}
	defer h.Close()
	d, err := h.Describe(ctx, s.name)
	if err != nil {
		return err
	}
	s.about = d
	var bad []string
	if d.Version == "" {
		bad = append(bad, "it gives no version")
	}
	if d.Summary == "" {
		bad = append(bad, "it gives no summary")
	}
	if !slices.Contains(d.Actions, "off") {
		bad = append(bad, "it cannot do off")
	}
	if d.Effect <= 0 {
		bad = append(bad, "it does not say how long an effect may lag (R9)")
	}
	mapping := d.Kind == "self"
	for _, o := range d.Options {
		mapping = mapping || o.Mapping
		if !slices.Contains([]string{"string", "int", "bool", "duration", "enum"}, o.Type) {
			bad = append(bad, fmt.Sprintf("option %s has the unknown type %q", o.Name, o.Type))
		}
		if o.Help == "" {
			bad = append(bad, fmt.Sprintf("option %s has no help", o.Name))
		}
		if o.Type == "enum" && len(o.Values) == 0 {
			bad = append(bad, fmt.Sprintf("option %s has no values", o.Name))
		}
	}
	if !mapping {
		bad = append(bad, "no option is marked as mapping: a changed address would keep what a drill proved (V6)")
	}
	if len(bad) > 0 {
		return errors.New(strings.Join(bad, "; "))
	}
	return nil
}

func byHand(ctx context.Context, s *subject) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience(s.Timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, s.file(s.name), "--describe")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil || len(out) == 0 {
		return fmt.Errorf("--describe ends with %v and %d bytes", err, len(out))
	}
	cmd = exec.CommandContext(ctx, s.file(s.name))
	cmd.Env = []string{}
	err = cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || !errors.As(err, &exit) || exit.ExitCode() <= 0 {
		return fmt.Errorf("without a host it ends with %v", err)
	}
	return nil
}

// versionMismatch starts it with a host that speaks only a version of the future.
func versionMismatch(_ context.Context, s *subject) error {
	const future = 99
	c := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: proto.Handshake, VersionedPlugins: map[int]goplugin.PluginSet{future: {proto.SetKey: &proto.Glue{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, AutoMTLS: true, SkipHostEnv: true, StartTimeout: s.patience(s.Timeout),
		Cmd: directly(s), Logger: hclog.NewNullLogger(),
	})
	defer c.Kill()
	_, err := c.Client()
	if err == nil {
		return fmt.Errorf("it serves protocol version %d", future)
	}
	if strings.Contains(err.Error(), "timeout") {
		return fmt.Errorf("it neither serves nor ends: %w", err)
	}
	return nil
}

func directly(s *subject) *exec.Cmd {
	cmd := exec.Command(s.file(s.name))
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + s.dir, "HOME=" + s.dir}
	cmd.Dir = s.dir
	return cmd
}

// refused demands that a device with these options is refused; without are options to leave out.
func refused(ctx context.Context, s *subject, what string, extra map[string]string, without string) error {
	t := *s
	t.Device, t.Secrets = maps.Clone(s.Device), maps.Clone(s.Secrets)
	delete(t.Device, without)
	delete(t.Secrets, without)
	for k := range extra {
		delete(t.Secrets, k)
	}
	h, err := t.host(host.Config{}, map[string]map[string]string{"d": extra})
	if err != nil {
		return err
	}
	defer h.Close()
	_, err = t.status(ctx, h, "d", s.Target)
	if c := host.ClassOf(err); c != host.ClassRefused {
		return fmt.Errorf("%s: it answers %v, want class refused", what, orOK(err))
	}
	return nil
}

func orOK(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func unknownOption(ctx context.Context, s *subject) error {
	return refused(ctx, s, "an unknown option", map[string]string{"fenced-no-such-option": "1"}, "")
}

func missingOption(ctx context.Context, s *subject) error {
	tried := 0
	for _, o := range s.about.Options {
		if !o.Required || o.Default != "" {
			continue
		}
		tried++
		if err := refused(ctx, s, "without option "+o.Name, nil, o.Name); err != nil {
			return err
		}
	}
	if tried == 0 {
		return skip("it has no required option")
	}
	return nil
}

func malformedOption(ctx context.Context, s *subject) error {
	tried := 0
	for _, o := range s.about.Options {
		if o.Type == "string" {
			continue
		}
		tried++
		if err := refused(ctx, s, "option "+o.Name+" with a malformed value", map[string]string{o.Name: "\x01malformed"}, ""); err != nil {
			return err
		}
	}
	if tried == 0 {
		return skip("all its options are strings")
	}
	return nil
}

// pause waits between two looks at something that gives no event.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

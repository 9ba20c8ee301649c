package host

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Description is what a plugin says of itself, checked for shape.
type Description struct {
	Name, Version, Summary string
	// Kind is power, storage, delay or self.
	Kind          string
	Options       []Option
	GivesIdentity bool
	Actions       []string
	// Effect, Settle and HoldUp are the roster's defaults for its devices (R9, R16, R17).
	Effect, Settle, HoldUp time.Duration
	// Limit is how many calls the plugin takes at once at one device.
	Limit int
	// ExtraOptions: it judges options that it does not name.
	ExtraOptions bool
	Sample       string
	// Protocols are the versions of the wire that it speaks, Protocol the one that was agreed upon.
	Protocols []uint32
	Protocol  int
}

// Option is one option of a plugin's devices.
type Option struct {
	Name, Type string
	Required   bool
	Secret     bool
	Default    string
	Values     []string
	Help       string
	// Mapping says that this option decides which machine a command reaches (V6).
	Mapping bool
}

// Check reports whether v is a well-formed value of this option.
func (o Option) Check(v string) error {
	return (&proto.Option{Name: o.Name, Type: o.Type, Required: o.Required, Secret: o.Secret, Values: o.Values}).Check(v)
}

const (
	mostOptions   = 256
	mostProtocols = 64
)

func described(r *proto.DescribeResponse, agreed int) (Description, error) {
	switch {
	case !slices.Contains(r.ProtocolVersions, uint32(agreed)):
		return Description{}, fmt.Errorf("it says that it speaks the protocol versions %v, and agreed upon %d", r.ProtocolVersions, agreed)
	case len(r.ProtocolVersions) > mostProtocols:
		return Description{}, fmt.Errorf("it lists %d protocol versions, more than %d", len(r.ProtocolVersions), mostProtocols)
	case !slices.Contains([]string{"power", "storage", "delay", "self"}, r.Kind):
		return Description{}, fmt.Errorf("it is of the unknown kind %q", line(r.Kind))
	case len(r.Options) > mostOptions:
		return Description{}, fmt.Errorf("it has %d options, more than %d", len(r.Options), mostOptions)
	case r.EffectMs < 0 || r.SettleMs < 0 || r.HoldUpMs < 0:
		return Description{}, errors.New("it gives a negative duration")
	}
	d := Description{
		Name: r.Name, Version: line(r.Version), Summary: line(r.Summary), Kind: r.Kind, GivesIdentity: r.GivesIdentity,
		Effect: ms(r.EffectMs), Settle: ms(r.SettleMs), HoldUp: ms(r.HoldUpMs), Limit: int(max(1, r.Limit)), Sample: r.Sample,
		ExtraOptions: r.ExtraOptions, Protocols: r.ProtocolVersions, Protocol: agreed,
	}
	for _, a := range r.Actions {
		d.Actions = append(d.Actions, line(a))
	}
	for _, o := range r.Options {
		d.Options = append(d.Options, Option{
			Name: line(o.GetName()), Type: line(o.GetType()), Required: o.GetRequired(), Secret: o.GetSecret(),
			Default: line(o.GetDefault()), Values: o.GetValues(), Help: line(o.GetHelp()), Mapping: o.GetMapping(),
		})
	}
	return d, nil
}

func ms(n int64) time.Duration {
	return time.Duration(min(n, int64(24*time.Hour/time.Millisecond))) * time.Millisecond
}

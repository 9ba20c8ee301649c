package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"

	"github.com/fenced-project/fenced/client"
)

// Witness is a daemon that only votes: its socket answers questions and changes nothing. What a witness may say in the log is the domain's
// rule (fence/domain/witness.go); this only says it to the caller before anything is proposed.
type Witness struct{ *Daemon }

// NewWitness makes the daemon of a witness: no devices, no scan, no reset, no machine, and no leave, because its absence is a vote and nothing
// else. The caller fills Config, Self, Version, Provider and what tells systemd.
func NewWitness(cfg Config) (*Witness, error) {
	cfg.Machine, cfg.Reset, cfg.LeaveTimeout = fence.Machine{}, nil, -1
	cfg.Devices = noDevices{}
	cfg.Scan = func(context.Context) member.ResidualScanned {
		return member.ResidualScanned{Unsure: true, Why: "a witness scans nothing"} // never asked for
	}
	cfg.Reload = func() (*config.Config, error) { return nil, errWitness("apply a configuration") }
	d, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &Witness{d}, nil
}

// Restart implements api.Steward.
func (*Witness) Restart(context.Context, api.RestartArgs) (client.Committed, error) {
	return client.Committed{}, errWitness("restart: stop its process and start it, nobody is fenced for that")
}

func errWitness(what string) error {
	e := client.Errorf(client.CodeNotPermitted, "this is a witness: it votes and decides nothing, so it cannot %s", what)
	e.Next = "ask on one of the nodes"
	return e
}

// Plan implements api.Reader: without the devices' part.
func (w *Witness) Plan(ctx context.Context, q api.PlanQuery) (client.Plan, error) {
	if q.Read {
		return client.Plan{}, errWitness("read devices")
	}
	return w.Daemon.Plan(ctx, q)
}

// Request implements api.Operator.
func (*Witness) Request(context.Context, api.RequestArgs) (client.Accepted, error) {
	return client.Accepted{}, errWitness("ask for a node to be switched")
}

// Ack implements api.Operator.
func (*Witness) Ack(context.Context, api.AckArgs) (client.Committed, error) {
	return client.Committed{}, errWitness("acknowledge")
}

// Arm implements api.Steward.
func (*Witness) Arm(context.Context, api.ArmArgs) (client.Committed, error) {
	return client.Committed{}, errWitness("arm or disarm")
}

// Apply implements api.Steward.
func (*Witness) Apply(context.Context, api.ApplyArgs) (client.Applied, error) {
	return client.Applied{}, errWitness("apply a configuration")
}

// Replace implements api.Steward.
func (*Witness) Replace(context.Context, api.ReplaceArgs) (client.Committed, error) {
	return client.Committed{}, errWitness("replace a machine")
}

// Bootstrap implements api.Steward: its file is no roster.
func (*Witness) Bootstrap(context.Context, api.BootstrapArgs) (client.Bootstrapped, error) {
	return client.Bootstrapped{}, errWitness("make a cluster")
}

// Leave implements api.Steward.
func (*Witness) Leave(context.Context, api.LeaveArgs) (client.Committed, error) {
	return client.Committed{}, errWitness("leave: stop its process, nobody is fenced for that")
}

// Local implements api.Forcer.
func (*Witness) Local(context.Context, api.LocalArgs) (client.LocalPower, error) {
	return client.LocalPower{}, errWitness("force power: it has no devices")
}

// Register implements api.Registrar: a program registers on the node on which it uses what is shared.
func (*Witness) Register(context.Context, api.ClientArgs) (uint64, *api.Stream, error) {
	return 0, nil, errWitness("register a program: it grants and releases nothing")
}

// noDevices is what a witness has. Nothing calls it: its member begins no operation.
type noDevices struct{}

var errNoDevices = errors.New("a witness has no devices")

func (noDevices) Status(context.Context, string, string) (engine.Reading, error) {
	return engine.Reading{}, errNoDevices
}

func (noDevices) Look(context.Context, string, string) (engine.Reading, error) {
	return engine.Reading{}, errNoDevices
}

func (noDevices) Do(context.Context, string, string, fence.Action) error { return errNoDevices }

func (noDevices) Plugins() client.Plugins { return client.Plugins{API: client.API} }

func (noDevices) Reload(context.Context, []string) (client.PluginsReloaded, error) {
	return client.PluginsReloaded{}, errWitness("reload a plugin")
}

func (noDevices) Demand(context.Context, *config.Config) {}

func (noDevices) Configure(*config.Config) error { return nil }

func (noDevices) Close() error { return nil }

// rosterEqual compares what this node's file says with what is committed; a witness's file holds only its own part.
func (d *Daemon) rosterEqual() bool {
	return d.committedIs(d.cfg.Config.Roster, d.ownHash)
}

// committedIs compares a roster of a file of this node, with its hash, with what is committed.
func (d *Daemon) committedIs(r fence.Roster, hash string) bool {
	dom := d.member.Domain()
	if d.cfg.Config.Witness {
		return dom.Roster.ForWitness().Hash() == r.ForWitness().Hash()
	}
	return dom.RosterHash == hash
}

// otherRoster is the attention of a file that is not the committed roster.
func (d *Daemon) otherRoster() client.Attention {
	name := d.me()
	if d.cfg.Config.Witness {
		return client.Attention{
			Code: client.AttentionWitnessFile, Node: name, Text: "the file of this witness is older than the committed roster: it votes on, and might not find the cluster if its store were lost",
			Next: "fenced witness export " + name + " on a node, copy it here, restart",
		}
	}
	return client.Attention{Code: client.AttentionOtherRoster, Node: name, Text: d.notEqual(), Next: "fenced apply --dry-run"}
}

// witnessAway is the attention of a witness that is not there: nothing is fenced for it, and nobody else says so.
func (d *Daemon) witnessAway(n *domain.Node) string {
	dom := d.member.Domain()
	text := fmt.Sprintf("witness %s is away", d.name(n.ID))
	if s, ok := d.seen[n.ID]; ok {
		text += " since " + s.since.UTC().Format(time.RFC3339)
	}
	have, need := dom.Votes(0), dom.Quorum()
	if d.member.Quorate() && have <= need {
		return text + fmt.Sprintf(": %d of %d needed votes are left, the next node that fails freezes the cluster", have, need)
	}
	return text
}

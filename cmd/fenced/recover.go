package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/cli"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/membership/corosync"
	"github.com/fenced-project/fenced/membership/embedded"

	"github.com/fenced-project/fenced/client"
)

// recovery prepares `fenced recover`: it holds the store of this node, whose daemon must not run, and changes nothing before Do.
func recovery(_ context.Context, o config.Options, a cli.RecoverArgs) (cli.Recovery, error) {
	cfg, problems := config.Load(o)
	if problems.Fatal() {
		return cli.Recovery{}, problems
	}
	if err := stopped(cfg.Socket); err != nil {
		return cli.Recovery{}, err
	}
	if a.NewStore {
		return newStore(cfg, a.Force)
	}
	if cfg.Provider == config.ProviderCorosync {
		return cli.Recovery{}, notOverCorosync()
	}
	return otherDomain(cfg, a)
}

// notOverCorosync says why `recover --lost` is refused: who is quorate is for corosync to say, and a domain of our own beside that would be a
// second opinion.
func notOverCorosync() error {
	e := client.Errorf(client.CodeUsage, "over corosync no domain is made of this node's store: corosync counts the votes, and fenced follows it")
	e.Next = "switch the lost nodes off and keep them off; take them out of corosync's nodelist on the survivors and restart corosync; then `fenced ack` each; " +
		"before one of them comes back, `fenced recover --new-store` there"
	return e
}

// stopped demands that no daemon answers on the socket.
func stopped(socket string) error {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return nil //nolint:nilerr // nobody answers, which is what is wanted
	}
	_ = c.Close()
	e := client.Errorf(client.CodeTryAgain, "the daemon of this node runs: it must not use the store meanwhile")
	e.Next = "systemctl stop fenced"
	return e
}

// who is the person as history keeps it (R19).
func who(node string) string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = " " + u.Username
	}
	return "uid=" + strconv.Itoa(os.Getuid()) + name + " fenced recover@" + node
}

// otherDomain prepares another domain made of this store's memory (R4).
func otherDomain(cfg *config.Config, a cli.RecoverArgs) (cli.Recovery, error) {
	o, err := embedded.OpenOffline(cfg.StateDir, cfg.Self)
	if err != nil {
		return cli.Recovery{}, unusable(err)
	}
	r, err := prepare(o, cfg, a)
	if err != nil {
		o.Close()
		return cli.Recovery{}, err
	}
	r.Close = o.Close
	return r, nil
}

func prepare(o *embedded.Offline, cfg *config.Config, a cli.RecoverArgs) (cli.Recovery, error) {
	state, err := fenced.Remembered(o)
	if err != nil {
		return cli.Recovery{}, client.Errorf(client.CodeNeedsOperator, "cannot read what this node's store remembers: %v", err)
	}
	plan := client.Recovery{API: client.API, Cluster: state.Roster.Cluster, Node: cfg.SelfName, Was: o.Domain(), Index: state.Index, Unproven: a.Unproven}
	word := domain.Recover{By: who(cfg.SelfName)}
	var lost []fence.NodeID
	for _, name := range a.Lost {
		n, ok := state.Roster.ByName(name)
		switch {
		case !ok:
			return cli.Recovery{}, client.NoSuch("node", name, names(state))
		case n.ID == cfg.Self:
			return cli.Recovery{}, client.Errorf(client.CodeUsage, "%s is this node: it is not lost", name)
		}
		lost = append(lost, n.ID)
		word.Lost = append(word.Lost, domain.LostNode{Node: n.ID, Unproven: slices.Contains(a.Unproven, name)})
	}
	if err := state.CheckRecover(cfg.Self, lost); err != nil {
		return cli.Recovery{}, client.Errorf(client.CodeUnsafe, "%v", err)
	}
	describe(&plan, state, cfg, lost)
	do := func(reason string) (client.Recovery, error) {
		word.Reason, word.AtMS = reason, time.Now().UnixMilli()
		return commit(o, plan, word)
	}
	return cli.Recovery{Plan: plan, Do: do}, nil
}

// describe fills in who is lost and who stays.
func describe(plan *client.Recovery, s *domain.State, cfg *config.Config, lost []fence.NodeID) {
	votes := 0
	for _, n := range s.Roster.Nodes {
		if slices.Contains(lost, n.ID) {
			plan.Lost = append(plan.Lost, n.Name)
			continue
		}
		if !slices.Contains(s.Lost(), n.ID) {
			votes += n.Votes
		}
		if n.ID == cfg.Self {
			plan.Votes.Have = n.Votes
		} else {
			plan.Stay = append(plan.Stay, n.Name)
		}
	}
	plan.Votes.Need, plan.Votes.Source = votes/2+1, "roster"
	plan.Victims = victims(s)
}

func commit(o *embedded.Offline, plan client.Recovery, word domain.Recover) (client.Recovery, error) {
	if len(word.Reason) > domain.MaxText {
		return plan, client.Errorf(client.CodeUsage, "the reason has more than %d bytes", domain.MaxText)
	}
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return plan, fmt.Errorf("cannot make a domain id: %w", err)
	}
	data, err := domain.EncodeRecover(word)
	if err != nil {
		return plan, err
	}
	plan.Domain = hex.EncodeToString(raw)
	if err := o.Recover(plan.Domain, data); err != nil {
		return plan, fmt.Errorf("cannot write the new domain, the old one stays: %w", err)
	}
	plan.Done = true
	return plan, nil
}

func victims(s *domain.State) []string {
	var out []string
	for _, n := range s.Victims() {
		out = append(out, s.Roster.Name(n.ID))
	}
	return out
}

func names(s *domain.State) []string {
	var out []string
	for _, n := range s.Roster.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// newStore prepares giving up this node's store (R3).
func newStore(cfg *config.Config, force bool) (cli.Recovery, error) {
	plan := client.Recovery{API: client.API, Cluster: cfg.Roster.Cluster, Node: cfg.SelfName, NewStore: true}
	o, done, err := stored(cfg)
	switch {
	case errors.Is(err, embedded.ErrNoStore), errors.Is(err, corosync.ErrNoStore):
		e := client.Errorf(client.CodeNoSuch, "%v: it joins as a newcomer already", err)
		e.Next = "systemctl start fenced"
		return cli.Recovery{}, e
	case err != nil:
		plan.Unread = err.Error()
	default:
		defer done()
		state, err := fenced.Remembered(o)
		if err != nil {
			plan.Unread = err.Error()
			break
		}
		plan.Was, plan.Index, plan.Victims = o.Domain(), state.Index, victims(state)
		if err := fenced.CheckGiveUp(o, state); err != nil && !force {
			return cli.Recovery{}, client.Errorf(client.CodeUnsafe, "%v", err)
		}
	}
	do := func(string) (client.Recovery, error) {
		r, err := fenced.GiveUp(cfg.StateDir, cfg.Provider, time.Now())
		plan.Kept, plan.Done = r.To, err == nil
		return plan, err
	}
	return cli.Recovery{Plan: plan, Do: do, Close: func() {}}, nil
}

// stored opens this node's store for reading; done lets it go.
func stored(cfg *config.Config) (s fenced.Stored, done func(), err error) {
	if cfg.Provider == config.ProviderCorosync {
		s, err = corosync.Remember(cfg.StateDir, cfg.Self)
		return s, func() {}, err
	}
	o, err := embedded.OpenOffline(cfg.StateDir, cfg.Self)
	if err != nil {
		return nil, nil, err
	}
	return o, o.Close, nil
}

// unusable gives a store that must not be used its exit code and the way out (R3).
func unusable(err error) error {
	var u *embedded.UnusableError
	if !errors.As(err, &u) {
		return err
	}
	e := client.Errorf(client.CodeNeedsOperator, "%v", err)
	e.Next = "fenced recover --new-store: this node gives up its store and joins again as a newcomer"
	return e
}

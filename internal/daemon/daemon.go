package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/internal/store"
	"github.com/fenced-project/fenced/membership"

	"github.com/fenced-project/fenced/client"
)

// Cluster is the membership provider with what only this daemon needs of it.
type Cluster interface {
	membership.Provider
	// Bootstrap makes the domain and returns its id; an error if there is one already (R3, R4).
	Bootstrap() (string, error)
	// Fail takes this node out of the cluster for the rest of this process: a record that must be durable cannot be kept (R20).
	Fail(why string)
	// Members tells the provider who is in the committed roster, and whose votes do not count yet: who was added live and has not come, and who
	// was given up and has not been admitted again (R4).
	Members(r fence.Roster, added, lost []fence.NodeID) error
}

// Devices is the plugin host as the daemon uses it.
type Devices interface {
	engine.Device
	// Look is Status for who has time: it gives way to any other call at the device, and to ctx's end, and is errGaveWay then.
	Look(ctx context.Context, device, target string) (engine.Reading, error)
	Plugins() client.Plugins
	// Reload starts fresh processes of these plugins, of all that run without names; no call is lost.
	Reload(ctx context.Context, plugins []string) (client.PluginsReloaded, error)
	// Demand has the plugins run by a configuration's checksums. Those that are concerned start anew; it returns when they have, or ctx ends.
	Demand(ctx context.Context, c *config.Config)
	// Configure replaces the devices and demands the checksums; nothing may be asked of one that changes meanwhile.
	Configure(*config.Config) error
	Close() error
}

// Config is what a daemon is made of. cmd/fenced fills it; everything is required but Reset, Notify and Logger.
type Config struct {
	Config   *config.Config
	Self     membership.Self
	Machine  fence.Machine
	Version  string
	Provider Cluster
	Devices  Devices
	// Scan reads the kernel; it may take as long as its own deadline and runs off the loop.
	Scan func(context.Context) member.ResidualScanned
	// Kernel looks at what storage has come to under a running node, off the loop, within its own deadline; nil for nothing.
	Kernel func(context.Context) member.KernelSeen
	// Cores are the core processes that are watched; the configuration's own, by the same names.
	Cores []Core
	// Reset ends this machine (R24); nil where nothing may: then a doomed life says so and waits for the others.
	Reset func(why string) error
	// Watchdog is the holder of this machine's watchdog, nil where the configuration wants none (R14).
	Watchdog Watchdog
	// Reload reads the configuration again and changes nothing. It runs off the loop.
	Reload func() (*config.Config, error)
	// Examine is Reload for what a person asked for: it also has the plugins judge the options, within ctx and a bound of its own; nil means Reload.
	Examine func(context.Context) (*config.Config, error)
	// Notify tells systemd; see notify.go.
	Notify func(state string)
	// WatchdogEvery is how often systemd wants to hear from the loop, 0 for never.
	WatchdogEvery time.Duration
	// LeaveTimeout is how long Run tries to leave cleanly when its ctx ends; 0 means 5 s, less than 0 that it ends at once, as a crash does.
	LeaveTimeout time.Duration
	Now          func() int64 // CLOCK_BOOTTIME in milliseconds
	// BootedMS is when this machine booted by Now: 0 but for a fake system, whose boots are younger than the clock.
	BootedMS int64
	Logger   *slog.Logger
}

// Daemon is one running fenced.
type Daemon struct {
	cfg     Config
	member  *member.Member
	engine  *engine.Engine
	feed    *api.Feed
	inputs  chan any
	disk    chan func()
	records *records
	base    *baseFile
	ownHash string                       // of cfg.Config's roster; loop only
	file    rereading                    // loop only
	rewire  *rewiring                    // loop only
	reading chan struct{}                // one reload that a person asked for at a time: it holds the one place
	roster  atomic.Pointer[fence.Roster] // for who is not the loop: the engine's goroutines and the word to systemd
	session *sessionFiles
	forced  *store.File             // the note of forced power (R31)
	notes   member.LocalFound       // what it held at the start
	seen    map[fence.NodeID]seen   // since when the loop sees a node in a state; loop only
	suspect map[fence.NodeID]string // the daemon of a node that is silent: its next one is not; loop only
	alarms  []alarm                 // loop only
	locals  locals                  // loop only

	refusals refusals // loop only
	// tests are those that run now; an operation ends them. Loop only.
	tests map[uint64]context.CancelCauseFunc
	// probes are those of devices that run now; loop only. life ends with the daemon.
	probes map[uint64]context.CancelCauseFunc
	life   context.Context
	end    context.CancelFunc

	replies map[uint64]chan member.Answer
	reply   uint64
	outage  string // why membership is over for this process, "" while it is not; loop only
	// historyWhy says why history is not whole or not kept on disk, "" where it is.
	historyWhy string
	broken     error        // what this daemon cannot go on with: the loop ends; loop only
	departs    bool         // this node has left, or its daemon restarts: the loop ends; loop only
	again      atomic.Bool  // the next daemon is to be started at once (R26)
	told       toldRoster   // what the provider knows of the roster; loop only
	live       bool         // this daemon has been in a view; loop only
	beat       atomic.Int64 // Now of the newest turn of the loop
	pace       *pace        // loop only
	keeper     *keeper      // nil without a watchdog
	// selfFencers are those of the start: Config.Reset asks them by their order.
	selfFencers []config.SelfFencer
	words       lastWords // of the newest life that ended itself; loop only
	wordsFile   *store.File
	stillHere   string // why this machine still runs, which was to be reset; loop only
	done        chan struct{}
	wg          sync.WaitGroup
	log         *slog.Logger
}

// toldRoster is what the provider was told of the committed roster.
type toldRoster struct {
	version     uint64
	added, lost []fence.NodeID
}

type seen struct {
	state string
	since time.Time
}

// inputQueue bounds what waits for the loop from requests, devices and scans; senders wait, never the loop. Provider events have their own.
const inputQueue = 1024

// New makes a daemon; Run runs it.
func New(cfg Config) (*Daemon, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Notify == nil {
		cfg.Notify = func(string) {}
	}
	keep := max(cfg.Config.Roster.Policy.HistoryKeep, 1)
	if err := os.MkdirAll(filepath.Dir(SessionPath(cfg.Config.StateDir, cfg.Self.Boot)), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of session records: %w", err)
	}
	history, recovery, err := store.OpenHistory(cfg.Config.StateDir+"/history.db", keep, diskDeadline)
	d := &Daemon{
		cfg: cfg, feed: api.NewFeed(cfg.Config.SelfName, cfg.Self.Instance, 0), inputs: make(chan any, inputQueue),
		disk: make(chan func(), 256), reading: make(chan struct{}, 1), seen: map[fence.NodeID]seen{}, suspect: map[fence.NodeID]string{},
		replies: map[uint64]chan member.Answer{}, done: make(chan struct{}), log: cfg.Logger,
	}
	if err = errors.Join(err, recovery.Err()); err != nil { // history is no duty: nothing of it keeps a node out (R20)
		d.historyWhy = err.Error()
		d.log.Warn("history is damaged", "error", err)
	}
	if d.locals, err = newLocals(); err != nil {
		return nil, err
	}
	d.selfFencers = cfg.Config.SelfFence
	d.records = newRecords(history, keep, d)
	d.probes = map[uint64]context.CancelCauseFunc{}
	d.life, d.end = context.WithCancel(context.Background())
	d.ownHash = cfg.Config.Roster.Hash()
	d.roster.Store(&cfg.Config.Roster)
	if d.base, err = openBase(cfg.Config.StateDir); err != nil {
		d.log.Warn("cannot read which roster this node's file was made from", "error", err)
	}
	d.session = newSessionFiles(cfg.Config.StateDir, cfg.Self.Boot)
	d.forced = store.NewFile(LocalPath(cfg.Config.StateDir), 0o600, diskDeadline)
	d.notes = d.foundLocal()
	d.readLastWords()
	d.member = member.New(member.Config{
		Self:    domain.Origin{Incarnation: fence.Incarnation{Node: cfg.Self.Node, Boot: cfg.Self.Boot}, Instance: cfg.Self.Instance},
		Machine: cfg.Machine, RosterHash: cfg.Config.Roster.Hash(), Logins: cfg.Config.Logins(), Version: cfg.Version, BootedMS: cfg.BootedMS, Watchdog: watchdogMode(cfg), SelfFences: d.words.Count,
		OnWithdraw: cfg.Config.Residual.OnWithdraw, Withdrawals: d.words.Withdrawals, Losses: d.words.Losses,
		Shared: sharedBy(cfg.Config), Cores: cfg.Config.MemberCores(),
	})
	d.engine = engine.New(engine.Config{
		Devices: cfg.Devices, Now: cfg.Now, Report: d.report,
		Limit: func(device string) int { r, _ := d.roster.Load().Device(device); return r.Limit },
	})
	if cfg.Watchdog != nil {
		d.keeper = newKeeper(cfg.Watchdog, d.post)
	}
	return d, nil
}

// Feed is the event stream for the API server.
func (d *Daemon) Feed() *api.Feed { return d.feed }

// Run runs the daemon until ctx ends, this node has left, it restarts or the provider closes; then it ends everything it started. When ctx ends it first
// tries to leave cleanly (see Config.LeaveTimeout), so that a planned restart makes no victim.
func (d *Daemon) Run(ctx context.Context) error {
	d.wg.Go(d.writeDisk)
	d.wg.Go(func() { d.tellSystemd(ctx) })
	if d.keeper != nil {
		d.wg.Go(func() { d.keeper.run(d.done) })
	}
	if d.cfg.Kernel != nil {
		d.wg.Go(func() { d.watchKernel(d.life, kernelEvery) })
	}
	for _, c := range d.cfg.Cores {
		d.wg.Go(func() { d.watchCore(d.life, c) })
	}
	err := d.loop(ctx)
	close(d.done)
	d.end()
	d.locals.end()
	errs := []error{err, d.engine.Close(), d.cfg.Provider.Close(), d.cfg.Devices.Close()}
	d.wg.Wait()
	errs = append(errs, d.records.close())
	return errors.Join(errs...)
}

// diskDeadline bounds one write of history or session (R20).
const diskDeadline = 5 * time.Second

// post gives the loop an input; it reports false when the daemon has ended.
func (d *Daemon) post(in any) bool {
	select {
	case d.inputs <- in:
		return true
	case <-d.done:
		return false
	}
}

// writeDisk carries out durable writes one after the other, off the loop.
func (d *Daemon) writeDisk() {
	for {
		select {
		case write := <-d.disk:
			write()
		case <-d.done:
			return
		}
	}
}

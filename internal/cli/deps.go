package cli

import (
	"context"
	"io"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/membership/corosync"
)

// Deps is what cmd/fenced gives to the commands. A function that is nil makes its command absent: there are no stubs.
type Deps struct {
	// Version of this build.
	Version string
	// Run runs the daemon until ctx ends (SIGTERM, SIGINT). An error that is config.Problems ends with CodeConfig, a *client.Error with its
	// code, any other with CodeError. Options have Strict set.
	Run func(ctx context.Context, o config.Options, stdout, stderr io.Writer) error
	// RunWitness runs a witness, as Run does a node; Options.Path is the witness's own file.
	RunWitness func(ctx context.Context, o config.Options, stdout, stderr io.Writer) error
	// Dev is `fenced dev`: args are what follows the word, unparsed. It returns the exit code.
	Dev func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int
	// ListPlugins describes the plugins in a directory, without a daemon. A plugin that cannot be used is in the list with its Error.
	ListPlugins func(ctx context.Context, dir string) ([]client.Plugin, error)
	// DescribePlugin describes one executable.
	DescribePlugin func(ctx context.Context, path string) (client.Plugin, error)
	// Describer asks the plugins of a directory what they are, for the check of a configuration; nil where they are not asked.
	Describer func(dir string) config.Describe
	// Opener has the plugins of a directory open devices, for the same check.
	Opener func(dir string) config.Open
	// UsedPlugin is the file of a plugin in a directory that a daemon would run, by the SHA-256 sum that the configuration demands ("" for none); where
	// none can be run all of its files, and none where there is none.
	UsedPlugin func(ctx context.Context, dir, name, sha256 string) ([]string, error)
	// VerifyPlugin says whether one executable may be run as a plugin, whether it has the SHA-256 sum that the configuration demands of it ("" for
	// none), and starts it.
	VerifyPlugin func(ctx context.Context, path, sha256 string) client.PluginCheck
	// TestPlugin runs the conformance test on one executable. Only what could not be tested at all is an error.
	TestPlugin func(ctx context.Context, path string, o PluginTest) (client.PluginReport, error)
	// ListAgents asks the agent plugin (its path) for the fence agents that are installed, all or those with these names.
	ListAgents func(ctx context.Context, path string, names []string) ([]client.Agent, error)
	// Residual looks at this machine as a starting daemon would, and changes nothing.
	Residual func(ctx context.Context, o config.Options) (client.Residual, error)
	// CheckLog checks event lines of any number of nodes offline, file by file.
	CheckLog func(files []string, o LogCheck) (LogReport, error)
	// Recover prepares `fenced recover` on the store of this node, whose daemon must not run.
	Recover func(ctx context.Context, o config.Options, args RecoverArgs) (Recovery, error)
	// Corosync asks the corosync of this node for its settings, where membership is corosync; nil where it is not asked.
	Corosync func() (corosync.Settings, error)
	// Sim simulates seeds. What is told meanwhile (a trace, failing seeds) goes to tell, line by line. Impossible options are a *client.Error
	// with CodeUsage.
	Sim func(ctx context.Context, o SimRun, tell func(string)) (LogReport, error)
	// WatchdogStatus asks the holder of this node's watchdog at its socket; WatchdogTest has it reset this machine, if it can.
	WatchdogStatus func(ctx context.Context, socket string) (client.WatchdogHolder, error)
	WatchdogTest   func(ctx context.Context, c *config.Config) (client.WatchdogHolder, error)
	// Now is the clock for ages in tables; nil means time.Now.
	Now func() time.Time
}

// PluginTest says what `fenced plugin test` may use.
type PluginTest struct {
	// Options of a device that works, and the target at it.
	Options map[string]string
	Target  string
	// Power lets the test switch the target off and on.
	Power bool
	// SetState is a command that is run with on or off as its last word and puts the target into that state behind the plugin's back; only so
	// can it be proven that Status is never answered from a cache.
	SetState string
}

// LogCheck says how `fenced check-log` judges.
type LogCheck struct {
	Bound       time.Duration
	OpenAllowed bool
}

// SimRun says what `fenced sim` simulates: the seeds From to To, both included.
type SimRun struct {
	// Membership is embedded or corosync.
	Membership     string
	From, To       uint64
	Nodes, Minutes int
	Without        []string
	Verbose, Hash  bool
}

// LogReport is what a check came to, for people (Text) and programs (Document).
type LogReport struct {
	Holds    bool
	Text     string
	Document any
}

package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Node is what the server serves. internal/daemon implements it.
//
// Every method may be called from many goroutines at once, honours ctx (it always has a deadline) and never makes the deciding loop wait.
// An error that is or wraps a *client.Error reaches the caller with its exit code, near names, problems and next command; any other goes
// through Config.Code. Documents need not have their api field filled: the server does it.
type Node interface {
	Reader
	Historian
	Operator
	Steward
	Registrar
	Forcer
	Tester
}

// Reader answers what is.
type Reader interface {
	// Status never waits for anybody and answers before bootstrap too. The server fills Seq.
	Status(ctx context.Context) (client.Status, error)
	// Plan runs the pure core as if the node were asked for now. Errors: CodeNoSuch. What forbids the action is in BlockedBy, not an error.
	Plan(ctx context.Context, q PlanQuery) (client.Plan, error)
	// Plugins lists the plugins that this daemon runs.
	Plugins(ctx context.Context) (client.Plugins, error)
}

// Historian answers what was.
type Historian interface {
	// History returns operations, the newest last, the open ones included. Errors: CodeNoSuch for an unknown node.
	History(ctx context.Context, q HistoryQuery) (client.History, error)
	// Show returns one operation. Errors: CodeNoSuch.
	Show(ctx context.Context, id uint64) (client.Show, error)
}

// Operator takes what an administrator asks for a node.
type Operator interface {
	// Request proposes a request (R29) and returns when it is committed or known not to be. A request whose ID was committed before is
	// answered from what became of it. Errors: CodeNoSuch, CodeNoQuorum, CodeNotArmed where arming is needed, CodeUnsafe, CodeNeedsOperator;
	// CodeUnknown when it was proposed and ctx ended before its fate was known.
	Request(ctx context.Context, a RequestArgs) (client.Accepted, error)
	// Ack proposes an acknowledgement (R19) and returns when it is committed. Errors: CodeNoSuch (node, or not that life), CodeNoQuorum,
	// CodeUnsafe is never one of them: an acknowledgement that is refused (member of the view) is CodeError.
	Ack(ctx context.Context, a AckArgs) (client.Committed, error)
}

// Steward takes what an administrator decides for the cluster.
type Steward interface {
	// Arm arms or disarms and returns when it is committed. Errors: CodeNoQuorum, CodeConfig where what is configured cannot be armed.
	Arm(ctx context.Context, a ArmArgs) (client.Committed, error)
	// Pause pauses or resumes a node or all and returns when it is committed. Errors: CodeNoSuch, CodeNoQuorum, CodeTryAgain.
	Pause(ctx context.Context, a PauseArgs) (client.Committed, error)
	// Apply reads the node's configuration file again, checks it and proposes its roster as the next version (R5); with DryRun it only says
	// what would change. Errors: CodeConfig with Problems, CodeNoQuorum, CodeTryAgain when another version was committed meanwhile, CodeUnsafe
	// for a file that may be older than the committed roster or that would cost quorum, CodeError for what the domain refuses (R5).
	Apply(ctx context.Context, a ApplyArgs) (client.Applied, error)
	// Reload reads the node's configuration file again. A file that is wrong (CodeConfig with Problems), or that is not the committed roster
	// while the daemon runs by that, changes nothing.
	Reload(ctx context.Context, by Caller) (client.Reloaded, error)
	// ReloadPlugins starts fresh processes of these plugins, of all that run without names; no call to a device is lost. What did not start is in
	// the answer. Errors: CodeNoSuch for a plugin that does not run.
	ReloadPlugins(ctx context.Context, plugins []string, by Caller) (client.PluginsReloaded, error)
	// Replace gives up the machine that is known for a node (R2). Errors: CodeNoSuch, CodeNoQuorum, CodeTryAgain when it is another one by
	// now, CodeError while a life of the node may not be over.
	Replace(ctx context.Context, a ReplaceArgs) (client.Committed, error)
	// Bootstrap makes the domain (R3, R4). Errors: CodeUsage when the cluster's name is not the configured one, CodeError when the node
	// has or knows of a domain already.
	Bootstrap(ctx context.Context, a BootstrapArgs) (client.Bootstrapped, error)
	// Leave makes this node leave and returns when that is committed and durable; the daemon then ends by itself (S2.12). Errors, after which
	// the node is as before: CodeDirty and CodeResidualUnknown with what was found (S2.11), CodeTryAgain while a client holds, CodeNoQuorum,
	// CodeUnsafe when those who stay would not be quorate, CodeTimeout, CodeError when it is no clean member. CodeUnknown: it goes on.
	Leave(ctx context.Context, a LeaveArgs) (client.Committed, error)
	// Restart has this node's daemon restart under the state that this node holds, and returns when that is committed; the daemon then ends, and the next
	// one goes on (R26). Errors, after which the node is as before: CodeTryAgain while a client holds, another node restarts or within an hour of the last,
	// CodeResidualUnknown, CodeNoQuorum, CodeUnsafe when those who stay would not be quorate, CodeTimeout, CodeError when it is no clean member.
	Restart(ctx context.Context, a RestartArgs) (client.Committed, error)
}

// Registrar takes the programs of this machine that use what is shared, or report (R12, R29, S4.7).
type Registrar interface {
	// Register makes a client, with an id that no run of any daemon gives again, and returns the stream that the loop tells it by. Errors:
	// CodeTryAgain while another one of its name is registered, CodeUnreachable when the daemon ends. After it, Gone must be called.
	Register(ctx context.Context, a ClientArgs) (uint64, *Stream, error)
	// Gone says that a client's connection is over, and why. It is a no-op for a client that is done or was dropped.
	Gone(id uint64, why string)
	// Done takes a client's word that it has stopped using what is shared, and ends its stream. Errors: CodeNoSuch, CodeNotPermitted where
	// another user registered it and root does not ask.
	Done(ctx context.Context, id uint64, by Caller) error
}

// ClientArgs is a registration that the server found well formed.
type ClientArgs struct {
	Name     string
	Role     string // client.RoleWatch or client.RoleReport
	Critical bool
	After    uint64
	By       Caller
}

// PlanQuery asks what would happen. Node is a name as it was typed. With Read the devices are asked for power state and identity too, and
// nothing is commanded.
type PlanQuery struct {
	Node   string
	Action string // client.ActionOff or ActionReboot or ActionOn
	Read   bool
}

// HistoryQuery selects operations. Zero values select everything that is kept; Limit is always set, between 1 and MaxHistory.
type HistoryQuery struct {
	Node string
	// SinceMS is how far back to look, in milliseconds before now.
	SinceMS int64
	// Failed selects operations that ended without a verdict or had a failed attempt.
	Failed bool
	Limit  int
}

// RequestArgs is a request that the server found well formed: Node, ID and Action are set, the reason has no control characters and at
// most client.MaxReason bytes.
type RequestArgs struct {
	ID   string
	Node string
	// Boot names the life that is meant, "" for the one known now.
	Boot   string
	Action string // client.ActionOff, ActionReboot or ActionOn
	Reason string
	Force  bool
	// Client is the registered client of role report in whose name it is asked (R29), 0 for an operator.
	Client uint64
	By     Caller
}

// AckArgs is an acknowledgement that the server found well formed: Node, Boot and Reason are set.
type AckArgs struct {
	Node   string
	Boot   string
	Reason string
	By     Caller
}

// ArmArgs arms or disarms. Reason is set when disarming.
type ArmArgs struct {
	Armed  bool
	Reason string
	For    time.Duration // of a disarm, 0 for no end
	Now    bool
	By     Caller
}

// PauseArgs pauses (On) or resumes a node, or all.
type PauseArgs struct {
	Node   string
	All    bool
	On     bool
	Reason string
	For    time.Duration // of a pause, 0 for no end
	By     Caller
}

// ApplyArgs proposes the roster of the daemon's own file. Hash, if set, is what it must have. Roster is judged in its stead, with DryRun only.
type ApplyArgs struct {
	Reason string
	DryRun bool
	Force  bool
	Hash   string
	Roster json.RawMessage
	By     Caller
}

// ReplaceArgs gives up a node's machine. Node and Reason are set; Old and New are UUIDs or "".
type ReplaceArgs struct {
	Node, Old, New string
	Reason         string
	By             Caller
}

// RestartArgs has this node's daemon restart. Timeout is set, at most MaxLeave.
type RestartArgs struct {
	Reason  string
	Timeout time.Duration
	By      Caller
}

// LeaveArgs makes this node leave. Timeout is set, at most MaxLeave.
type LeaveArgs struct {
	Reason  string
	Force   bool
	Timeout time.Duration
	By      Caller
}

// BootstrapArgs makes the domain of a cluster of this name.
type BootstrapArgs struct {
	Cluster string
	By      Caller
}

package client

import "strconv"

// Code is an exit code of fenced's commands; errors of the API carry the one that the command will end with (INTERFACES.md, one table: this one).
// The numbers are Pacemaker's where it has one.
type Code int

// The exit codes.
const (
	CodeOK              Code = 0   // done, healthy, clean
	CodeError           Code = 1   // any other error
	CodeUsage           Code = 64  // the question makes no sense
	CodeTryAgain        Code = 75  // not now, later
	CodeNotPermitted    Code = 77  // the caller may not
	CodeConfig          Code = 78  // the configuration is wrong
	CodeAttention       Code = 90  // works, but a person should look
	CodeInProgress      Code = 91  // an operation is in progress
	CodeNeedsOperator   Code = 92  // waits for a person
	CodeDirty           Code = 95  // residual state found
	CodeResidualUnknown Code = 96  // residual state cannot be told
	CodeUnreachable     Code = 102 // the daemon does not answer
	CodeNoSuch          Code = 105 // no such thing; near names are offered
	CodeNoQuorum        Code = 106 // nothing may be decided
	CodeUnsafe          Code = 107 // refused without --force
	CodeUnknown         Code = 112 // the outcome is unknown
	CodeNotArmed        Code = 113 // the cluster is not armed
	CodeTimeout         Code = 124 // not over in time
)

// words are for people; the order is the table's.
var words = []struct {
	code Code
	text string
}{
	{CodeOK, "done, healthy, clean"},
	{CodeError, "error"},
	{CodeUsage, "usage"},
	{CodeTryAgain, "try again"},
	{CodeNotPermitted, "not permitted"},
	{CodeConfig, "configuration"},
	{CodeAttention, "attention"},
	{CodeInProgress, "operation in progress"},
	{CodeNeedsOperator, "needs an operator"},
	{CodeDirty, "dirty"},
	{CodeResidualUnknown, "residual unknown"},
	{CodeUnreachable, "daemon unreachable"},
	{CodeNoSuch, "no such thing"},
	{CodeNoQuorum, "no quorum"},
	{CodeUnsafe, "unsafe without --force"},
	{CodeUnknown, "outcome unknown"},
	{CodeNotArmed, "not armed"},
	{CodeTimeout, "timeout"},
}

// Codes returns every code of the table, in its order.
func Codes() []Code {
	out := make([]Code, len(words))
	for i, w := range words {
		out[i] = w.code
	}
	return out
}

// String is the table's text for the code.
func (c Code) String() string {
	for _, w := range words {
		if w.code == c {
			return w.text
		}
	}
	return "code " + strconv.Itoa(int(c))
}

package member

import "github.com/fenced-project/fenced/fence"

// Response is what this node does about what it may say of itself.
type Response string

// The responses. Only ResponseSelfFence ends this machine.
const (
	ResponseAnnounce  Response = "announce clean"
	ResponseSelfFence Response = "self-fence"
	ResponseVoteOnly  Response = "vote-only"
	ResponseHalt      Response = "halt"
	// ResponseStay: it stays out, dirty, until a person has cleared what a reset would not (R25).
	ResponseStay Response = "stay out"
	// ResponseAdopt: it stays out because nobody ever armed it: adopt or reboot.
	ResponseAdopt Response = "stay out, unguarded"
	// ResponseObserve: the cluster is not armed, so nothing is reset.
	ResponseObserve Response = "stay out, not armed"
)

// Respond applies the policy to an outcome of the start table. A node that is not armed, that was never armed here, or whose state a reset would
// not clear is never reset (R25); a policy that is not known resets nothing.
func Respond(outcome Outcome, resettable, armed bool, policy string) Response {
	switch {
	case outcome == OutcomeClean:
		return ResponseAnnounce
	case outcome == OutcomeUnguarded:
		return ResponseAdopt
	case policy == fence.ResidualVoteOnly:
		return ResponseVoteOnly
	case policy == fence.ResidualHalt:
		return ResponseHalt
	case !armed:
		return ResponseObserve
	case !resettable || policy != fence.ResidualSelfFence:
		return ResponseStay
	}
	return ResponseSelfFence
}

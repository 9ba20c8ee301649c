package daemon

import (
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/config"

	"github.com/fenced-project/fenced/client"
)

// sharedBy is what this node's own file says that it uses of what is shared (R18).
func sharedBy(c *config.Config) []string {
	n, _ := c.Roster.Node(c.Self)
	return n.Shared
}

// whyNotOpened says why nobody opens the ways of a node at this moment, though they may be opened; "" where somebody does.
func (d *Daemon) whyNotOpened(n *domain.Node) string {
	dom := d.member.Domain()
	switch {
	case n.Cut.Claim != nil:
		return ""
	case !d.member.Quorate():
		return "no quorum"
	case dom.MayOpen(n) != nil:
		return dom.MayOpen(n).Error()
	case len(n.Unquiet) > 0:
		return "an earlier claim may still have something in flight"
	case opensItself(dom, n):
		if err := dom.MayOpenItself(n); err != nil {
			return err.Error()
		}
		return "its own daemon is to open it"
	case len(dom.Eligibles()) == 0:
		return "no member is eligible"
	}
	return "waiting for a claim"
}

// opensItself reports whether only the node's own daemon opens what is still closed to it (ADR 0099).
func opensItself(dom *domain.State, n *domain.Node) bool {
	others, own := dom.ToOpen(n)
	return len(others) == 0 && len(own) > 0
}

// unfenceAttention is what a person should see to about a node whose ways stay closed although it came back.
func (d *Daemon) unfenceAttention(n *domain.Node, add func(code, node, text, next string)) {
	if n.Cut == nil || n.Pending == nil {
		return
	}
	dom, name := d.member.Domain(), d.name(n.ID)
	var text string
	next := "fenced unfence " + name
	switch why := dom.MayUnfence(n); {
	case why != nil:
		text, next = why.Error(), "fenced reboot "+name
	case errors.Is(dom.MayOpen(n), domain.ErrPaused):
		text = dom.MayOpen(n).Error()
	case dom.MayOpen(n) != nil:
		text, next = dom.MayOpen(n).Error()+", so no device is touched", next+" --force, or fenced arm"
	case opensItself(dom, n) && dom.MayOpenItself(n) != nil:
		text = dom.MayOpenItself(n).Error()
		if n.Roster != dom.RosterHash {
			next = "fenced apply"
		}
	case opensItself(dom, n) && n.Cut.Round > 0:
		text = fmt.Sprintf("its own daemon could not register it, %d times; `fenced history` and its log say why", n.Cut.Round)
	case n.Cut.Round > 0:
		text = fmt.Sprintf("nobody could open its ways again, all members tried %d times", n.Cut.Round)
	default:
		return // it is being done
	}
	what := " came back and stays cut off: "
	if n.Cut.Owed {
		what = " is not admitted before it has registered itself: "
	}
	add(client.AttentionUnfence, name, name+what+text, next)
}

// declared reports whether an operator has declared whose ways the targets of a device are (R16 a).
func declared(r *fence.Roster, s fence.Step) bool {
	dev, ok := r.Device(s.Device)
	return ok && dev.Kind == fence.KindStorage && dev.Accepted
}

// declaredSteps names the steps of a node's levels that are its own only by somebody's word.
func (d *Daemon) declaredSteps(r fence.RosterNode) []string {
	var out []string
	for i, l := range r.Levels {
		for _, s := range l.Steps {
			if declared(&d.member.Domain().Roster, s) {
				out = append(out, fmt.Sprintf("level %d %s", i+1, s))
			}
		}
	}
	return out
}

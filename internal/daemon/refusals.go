package daemon

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/membership"

	"github.com/fenced-project/fenced/client"
)

// refusals are those between this node and its peers that only a person ends: a store that was set back, copied or replaced (R3), or another
// domain (R4). They come again for as long as both try, so what has not come for refusalFor is over.
type refusals map[string]refusal

type refusal struct {
	membership.Refused
	at time.Time
}

// refusalFor is how long one is shown after it came: the provider repeats it at most once in ten seconds. At most refusalsKept are kept.
const (
	refusalFor   = 40 * time.Second
	refusalsKept = 64
)

func (r *refusals) note(ev membership.Refused, now time.Time) {
	if ev.Kind == "" {
		return
	}
	if *r == nil {
		*r = refusals{}
	}
	for k, old := range *r {
		if now.Sub(old.at) > refusalFor {
			delete(*r, k)
		}
	}
	key := strings.Join([]string{ev.Peer, string(ev.Kind), map[bool]string{true: "us"}[ev.Us]}, "/")
	if _, known := (*r)[key]; known || len(*r) < refusalsKept {
		(*r)[key] = refusal{Refused: ev, at: now}
	}
}

// newStore is the way out of every damaged, set back, copied or given-up store.
const newStore = "fenced recover --new-store"

// attention lists them, each with the command that ends it, sorted by who and what.
func (r refusals) attention(self string, now time.Time) []client.Attention {
	var out []client.Attention
	for _, k := range slices.Sorted(maps.Keys(r)) {
		v := r[k]
		if now.Sub(v.at) > refusalFor {
			continue
		}
		a := client.Attention{Node: v.Peer}
		switch {
		case (v.Kind == membership.RefusedStore || v.Kind == membership.RefusedCopy) && v.Us:
			a.Code, a.Node, a.Text = client.AttentionOwnStore, self, v.Peer+" refuses this node's store: "+strings.TrimPrefix(v.Reason, "it refuses this node: ")
			a.Next = "systemctl stop fenced; " + newStore + "; systemctl start fenced"
			if v.Kind == membership.RefusedCopy { // this machine is the clone: a new store in another's name would be refused too
				a.Next = "here: systemctl stop fenced; then give this machine a node of its own, or put the other one away and here: " + newStore
			}
		case v.Kind == membership.RefusedStore || v.Kind == membership.RefusedCopy:
			a.Code, a.Text, a.Next = client.AttentionRefusedStore, "the store of "+v.Peer+" is refused: "+v.Reason, "on "+v.Peer+": "+newStore
			if v.Kind == membership.RefusedCopy { // the member of that name is the healthy one
				a.Next = "find the second machine by its address and there: systemctl stop fenced; leave the member as it is"
			}
		case v.Kind == membership.RefusedVersion:
			a.Code, a.Text, a.Next = client.AttentionVersion, v.Peer+" is refused: "+v.Reason, "fenced version, on both"
		default:
			a.Code, a.Text = client.AttentionOtherDomain, v.Peer+" is in another domain and neither lets the other in: "+strings.TrimPrefix(v.Reason, "it refuses this node: ")
			a.Next = "decide which domain stays; on the nodes of the other one: " + newStore
		}
		out = append(out, a)
	}
	return out
}

package fence

import (
	"fmt"
	"slices"
	"strings"
)

// Changes says in words what is different in a fresher roster, one line for each thing, nodes first: what an administrator reads before saying
// yes. It is empty if and only if the rosters have the same hash.
func Changes(old, fresh Roster) []string {
	var out []string
	for _, n := range fresh.Nodes {
		o, had := old.Node(n.ID)
		if !had {
			out = append(out, "adds node "+n.Name+described(n))
			continue
		}
		out = append(out, nodeChanges(o, n)...)
	}
	for _, o := range old.Nodes {
		if _, kept := fresh.Node(o.ID); !kept {
			out = append(out, fmt.Sprintf("removes node %s (id %d)", o.Name, o.ID))
		}
	}
	out = append(out, deviceChanges(old, fresh)...)
	out = append(out, timingChanges(old.Timing, fresh.Timing)...)
	out = append(out, policyChanges(old.Policy, fresh.Policy)...)
	out = append(out, sharedChanges(old.Shared, fresh.Shared)...)
	if old.Cluster != fresh.Cluster {
		out = append(out, change("cluster", old.Cluster, fresh.Cluster))
	}
	if len(out) == 0 && old.Hash() != fresh.Hash() {
		out = append(out, somethingElse)
	}
	return out
}

// somethingElse is for what has no word of its own yet; a test demands that there is nothing.
const somethingElse = "something else changes"

func described(n RosterNode) string {
	parts := []string{fmt.Sprintf("id %d", n.ID), "address " + n.Address}
	switch {
	case n.Witness:
		parts = append(parts, "witness")
	default:
		parts = append(parts, "levels "+levels(n.Levels))
	}
	if n.Votes != 1 {
		parts = append(parts, fmt.Sprintf("votes %d", n.Votes))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func nodeChanges(o, n RosterNode) []string {
	var out []string
	if o.Name != n.Name {
		out = append(out, fmt.Sprintf("renames node %s to %s (id %d)", o.Name, n.Name, n.ID))
	}
	say := func(what, a, b string) {
		if a != b {
			out = append(out, change("node "+n.Name+": "+what, a, b))
		}
	}
	say("address", o.Address, n.Address)
	say("votes", fmt.Sprint(o.Votes), fmt.Sprint(n.Votes))
	say("witness", fmt.Sprint(o.Witness), fmt.Sprint(n.Witness))
	say("levels", levels(o.Levels), levels(n.Levels))
	say("action", string(o.Action), string(n.Action))
	say("machine", machineWord(o.Machine), machineWord(n.Machine))
	say("shared", names(o.Shared), names(n.Shared))
	return out
}

func deviceChanges(old, fresh Roster) []string {
	var out []string
	for _, d := range fresh.Devices {
		o, had := old.Device(d.Name)
		switch {
		case !had:
			out = append(out, "adds device "+d.Name+" (plugin "+d.Plugin+")")
		case o.Mapping != d.Mapping:
			out = append(out, "device "+d.Name+": what it reaches changes; what a drill proved about it is void")
			o.Mapping = d.Mapping
			fallthrough
		default:
			out = append(out, deviceFields(o, d)...)
		}
	}
	for _, o := range old.Devices {
		if _, kept := fresh.Device(o.Name); !kept {
			out = append(out, "removes device "+o.Name)
		}
	}
	return out
}

func deviceFields(o, d Device) []string {
	var out []string
	for _, f := range []struct{ what, a, b string }{
		{"plugin", o.Plugin, d.Plugin},
		{"kind", string(o.Kind), string(d.Kind)},
		{"accept_mapping", fmt.Sprint(o.Accepted), fmt.Sprint(d.Accepted)},
		{"on_target", fmt.Sprint(o.OnTarget), fmt.Sprint(d.OnTarget)},
		{"settle", ms(o.SettleMS), ms(d.SettleMS)},
		{"hold_up", ms(o.HoldUpMS), ms(d.HoldUpMS)},
		{"attempt_timeout", ms(o.AttemptMS), ms(d.AttemptMS)},
		{"attempts", fmt.Sprint(o.Attempts), fmt.Sprint(d.Attempts)},
		{"poll", ms(o.PollMS), ms(d.PollMS)},
		{"effect", ms(o.EffectMS), ms(d.EffectMS)},
		{"limit", fmt.Sprint(o.Limit), fmt.Sprint(d.Limit)},
	} {
		if f.a != f.b {
			out = append(out, change("device "+d.Name+": "+f.what, f.a, f.b))
		}
	}
	return out
}

func timingChanges(o, n Timing) []string {
	var out []string
	for _, f := range []struct {
		what string
		a, b int64
	}{
		{"failure_timeout", o.FailureTimeoutMS, n.FailureTimeoutMS},
		{"ping_interval", o.PingMS, n.PingMS},
		{"lease", o.LeaseMS, n.LeaseMS},
		{"post_join_delay", o.PostJoinDelayMS, n.PostJoinDelayMS},
		{"post_fail_delay", o.PostFailDelayMS, n.PostFailDelayMS},
		{"stagger", o.StaggerMS, n.StaggerMS},
		{"assume_dead_after", o.AssumeDeadMS, n.AssumeDeadMS},
	} {
		if f.a != f.b {
			out = append(out, change("timing "+f.what, ms(f.a), ms(f.b)))
		}
	}
	return out
}

func policyChanges(o, n Policy) []string {
	var out []string
	for _, f := range []struct{ what, a, b string }{
		{"policy max_concurrent", fmt.Sprint(o.MaxConcurrent), fmt.Sprint(n.MaxConcurrent)},
		{"policy brake_window", ms(o.BrakeWindowMS), ms(n.BrakeWindowMS)},
		{"policy on_residual", o.OnResidual, n.OnResidual},
		{"policy even_split", o.EvenSplit, n.EvenSplit},
		{"policy watchdog_while_paused", fmt.Sprint(o.WatchdogWhilePaused), fmt.Sprint(n.WatchdogWhilePaused)},
		{"policy accept_softdog", fmt.Sprint(o.AcceptSoftdog), fmt.Sprint(n.AcceptSoftdog)},
		{"policy minority_timeout", ms(o.MinorityMS), ms(n.MinorityMS)},
		{"policy idle_stateless", fmt.Sprint(o.IdleStateless), fmt.Sprint(n.IdleStateless)},
		{"history keep", fmt.Sprint(o.HistoryKeep), fmt.Sprint(n.HistoryKeep)},
	} {
		if f.a != f.b {
			out = append(out, change(f.what, f.a, f.b))
		}
	}
	return out
}

// sharedChanges says which shared devices come and go, and which are cut by something else.
func sharedChanges(old, fresh []Shared) []string {
	var out []string
	cut := func(all []Shared, name string) (string, bool) {
		i := slices.IndexFunc(all, func(s Shared) bool { return s.Name == name })
		if i < 0 {
			return "", false
		}
		var ways []string
		for _, w := range all[i].CutBy {
			ways = append(ways, strings.Join(w, "+"))
		}
		return names(ways), true
	}
	for _, s := range fresh {
		now, _ := cut(fresh, s.Name)
		was, had := cut(old, s.Name)
		switch {
		case !had:
			out = append(out, "adds shared "+s.Name+" (cut by "+now+")")
		case was != now:
			out = append(out, change("shared "+s.Name+": cut by", was, now))
		}
	}
	for _, s := range old {
		if _, kept := cut(fresh, s.Name); !kept {
			out = append(out, "removes shared "+s.Name)
		}
	}
	return out
}

func names(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func change(what, a, b string) string { return what + " " + a + " -> " + b }

func ms(n int64) string { return fmt.Sprintf("%dms", n) }

func levels(ls []Level) string {
	if len(ls) == 0 {
		return "none"
	}
	var out []string
	for _, l := range ls {
		var steps []string
		for _, s := range l.Steps {
			steps = append(steps, s.String())
		}
		out = append(out, strings.Join(steps, "+"))
	}
	return strings.Join(out, ", ")
}

func machineWord(m *Machine) string {
	if m == nil {
		return "learned"
	}
	w := slices.DeleteFunc([]string{m.UUID, m.Serial}, func(s string) bool { return s == "" })
	if m.Virtual {
		w = append(w, "virtual")
	}
	return strings.Join(w, "/")
}

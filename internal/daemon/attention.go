package daemon

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"

	"github.com/fenced-project/fenced/client"
)

// alarm is something that only this node saw and that a person must know of for a while.
type alarm struct {
	node fence.NodeID
	text string
	at   time.Time
}

// Alarms are shown for an hour, the newest 32 of them.
const (
	alarmFor   = time.Hour
	alarmsKept = 32
)

func (d *Daemon) alarm(n member.Notice) {
	if n.Life.Zero() {
		return // a rejected entry is counted and logged; the domain's own refusals are shown from the state
	}
	for i := range d.alarms {
		if d.alarms[i].node == n.Node && d.alarms[i].text == n.Text {
			d.alarms[i].at = time.Now()
			return
		}
	}
	d.alarms = append(d.alarms, alarm{node: n.Node, text: n.Text, at: time.Now()})
	if len(d.alarms) > alarmsKept {
		d.alarms = d.alarms[1:]
	}
}

// alarmed are the alarms that are still shown.
func (d *Daemon) alarmed() []client.Attention {
	var out []client.Attention
	for _, a := range d.alarms {
		if time.Since(a.at) < alarmFor {
			out = append(out, client.Attention{Code: client.AttentionAlarm, Node: d.name(a.node), Text: a.text, Next: "fenced history " + d.name(a.node)})
		}
	}
	return out
}

// missing reports that a node is away for longer than post_join_delay though nobody holds it off and it did not leave: what ought to have come
// back after a power-on, for example, and died on the way. It was never admitted, so it is nobody's victim.
func (d *Daemon) missing(n *domain.Node) bool {
	dom := d.member.Domain()
	away := n.Instance == "" && n.PowerOn == nil && !n.OffHeld && n.Phase != domain.PhaseLeft
	s, ok := d.seen[n.ID]
	return away && ok && time.Since(s.since) > time.Duration(dom.Roster.Timing.PostJoinDelayMS)*time.Millisecond
}

// notEqual says that this node's file is not the committed roster, and what is known of the file on disk (S5.8).
func (d *Daemon) notEqual() string {
	dom := d.member.Domain()
	text := fmt.Sprintf("the file of this node is not roster %d, which is committed: this node replicates and does not act", dom.Roster.Version)
	switch {
	case d.rewire != nil:
		text += "; the new one is taken when calls to devices have returned"
	case d.file.problem != "":
		text += "; on disk: " + d.file.problem
	case d.file.differs != "":
		text += "; it " + d.file.differs
	}
	return text
}

// attention lists what a person should see to, each with the next command to type.
func (d *Daemon) attention(domainID, joins string, plugins client.Plugins) []client.Attention {
	dom := d.member.Domain()
	var out []client.Attention
	add := func(code, node, text, next string) {
		out = append(out, client.Attention{Code: code, Node: node, Text: text, Next: next})
	}
	out = append(out, d.refusals.attention(d.cfg.Config.SelfName, time.Now())...)
	switch {
	case domainID == "" && joins != "":
		add(client.AttentionNoStoreYet, d.cfg.Config.SelfName, "this node has no store of the cluster yet and waits to join: "+joins, "start the other nodes; they let it in when they have quorum without it")
		return out
	case domainID == "":
		add(client.AttentionNoDomain, "", "this node belongs to no domain yet", "fenced bootstrap, once, on one node; the others join by themselves")
		return out
	case dom.Roster.Version == 0:
		add(client.AttentionNoRoster, "", "no roster is committed yet", "fenced status")
		return out
	case d.outage != "":
		add(client.AttentionDisk, d.cfg.Config.SelfName, d.outage, "df "+d.cfg.Config.StateDir+"; dmesg; then systemctl restart fenced")
	case !d.member.Quorate():
		add(client.AttentionNoQuorum, "", "no quorum: nothing is fenced, released or granted"+d.halted(), "fenced status -o wide")
	case !dom.Armed:
		add(client.AttentionNotArmed, "", "the cluster is not armed: no device is touched"+d.disarmedBy(), "fenced arm")
	}
	if !d.rosterEqual() {
		out = append(out, d.otherRoster())
	}
	d.pausedAttention(add)
	d.watchdogAttention(add)
	d.kernelAttention(add)
	d.coreAttention(add)
	d.lastWordsAttention(add)
	for i := range dom.Nodes {
		d.nodeAttention(&dom.Nodes[i], add)
	}
	if d.historyWhy != "" {
		add(client.AttentionHistoryDamaged, d.cfg.Config.SelfName, "history is not whole on this node's disk: "+d.historyWhy, "move "+d.cfg.Config.StateDir+"/history.db aside and start fenced again; no duty depends on it")
	}
	out = append(out, d.unfenceable()...)
	out = append(out, d.untold()...)
	out = append(out, d.alarmed()...)
	for _, text := range unused(plugins) {
		add(client.AttentionPlugin, d.me(), text, "fenced plugin list")
	}
	return out
}

// nodeAttention is what a person should see to about one node.
func (d *Daemon) nodeAttention(n *domain.Node, add func(code, node, text, next string)) {
	dom := d.member.Domain()
	name := d.name(n.ID)
	if l := n.LastDrill; l != nil && !l.Passed && n.Drill == nil { // also while the node is out: that is when somebody looks why
		add(client.AttentionDrillFailed, name, fmt.Sprintf("the drill of level %d of %s failed: %s", l.Level+1, name, l.Text), fmt.Sprintf("fenced drill %s --level %d", name, l.Level+1))
	}
	d.unfenceAttention(n, add)
	switch {
	case n.Victim != nil && n.Foreign != nil && n.Life != n.Victim.Incarnation:
		add(client.AttentionForeign, name, "another machine comes in the name of "+name+" and is kept out, the victim stays: "+n.Why, "take that machine away, or fenced ack "+name+" when the old one is surely over")
	case n.Victim != nil && n.Victim.Round > 0 && !slices.Contains(d.member.Held(), n.ID):
		add(client.AttentionNotProven, name, fmt.Sprintf("nobody could prove that %s is off, all levels were tried %d times", name, n.Victim.Round), "fenced history "+name)
	case n.Victim != nil && slices.Contains(d.member.Elsewhere(), n.ID):
		add(client.AttentionElsewhere, name, name+" is alive in another domain: this domain does not fence it until somebody names it", "fenced off "+name+", or "+newStore+" there")
	case n.Victim != nil && slices.Contains(d.member.Held(), n.ID):
		add(client.AttentionBraked, name, name+" still answers and the brake holds its fencing back", "fenced reboot "+name)
	case n.Victim != nil:
		// its operation is shown; there is nothing to see to yet
	case n.Outvoted():
		add(client.AttentionDiverged, name, "the state of "+name+" is not that of the majority, so it is frozen and nobody counts on it", "fenced reboot "+name+", and before it starts again "+newStore+" there")
	case n.Phase == domain.PhaseUnguarded:
		add(client.AttentionUnguarded, name, n.Why, "reboot "+name)
	case n.Phase == domain.PhaseDirty, n.Why != "" && n.Phase == domain.PhaseJoining:
		add(client.AttentionNotAdmitted, name, name+" is not admitted: "+n.Why, "fenced status "+name)
	case dom.Witness(n.ID):
		if n.Instance == "" {
			add(client.AttentionWitnessAway, name, d.witnessAway(n), "start fenced-witness on "+name)
		}
	case n.Unknown:
		add(client.AttentionUnknown, name, "nobody knows whether "+name+" holds state", "start fenced on "+name)
	case n.Added:
		add(client.AttentionAdded, name, name+" was added and has not come yet; its vote does not count before it does", "start fenced on "+name)
	case n.Kept():
		add(client.AttentionKeptOff, name, name+" is held off: "+n.KeptWhy(), "mend the link, then fenced on "+name)
	case d.missing(n):
		add(client.AttentionMissing, name, name+" is away since "+d.seen[n.ID].since.UTC().Format(time.RFC3339)+" and nobody waits for it", "fenced status "+name)
	}
}

// unused says which plugins, and which of their versions, are not used, and why.
func unused(plugins client.Plugins) []string {
	var out []string
	for _, p := range plugins.Plugins {
		if p.Error != "" {
			out = append(out, "plugin "+p.Name+": "+strings.TrimSpace(p.Error))
			continue
		}
		for _, v := range p.Versions {
			if v.Error != "" {
				out = append(out, "plugin "+p.Name+": "+filepath.Base(v.Path)+" is not used: "+strings.TrimSpace(v.Error))
			}
		}
	}
	return out
}

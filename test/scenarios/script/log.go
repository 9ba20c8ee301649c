package script

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// words are the events that a log shows: those of the event grammar (docs/reference/events.md), and of the truth that no daemon tells: boot,
// switched (a device's effect on a machine), self-fence, rejected (an entry that all reject alike), answer (what an administrator hears).
var words = []string{
	"view", "victim", "would", "request", "claim", "claim-end", "handover", "cancelled", "evidence", "verdict", "release", "power-on", "unfence", "clean", "dirty", "left", "restart",
	"stateful", "gone", "ack", "arm", "disarm", "disarming", "pause", "resume", "roster", "replace", "local-power", "cold-start", "recover", "refused",
	"granted", "frozen", "thawed", "you-are-failed", "suspect", "unsuspect", "boot", "switched", "self-fence", "rejected", "answer",
}

// entry is one line of the log.
type entry struct {
	block  int    // of which command
	on     string // the node that alone saw it, "" for what all agree on or what is true
	event  string
	fields []string // k=v, in their order
}

func (e entry) String() string {
	return strings.Join(append([]string{e.event}, e.fields...), " ")
}

// log is the watcher of a play.
type log struct {
	names   []string
	entries []entry
	block   int
	deaf    bool // nothing is noted
	epoch   int
	ops     map[string]int
	doom    map[string]string // by node: before which effect its daemon is killed
	granted map[string]string // the newest word to each node's program
	life    map[string]string // the newest life of each node
}

func newLog(names []string) *log {
	return &log{names: names, ops: map[string]int{}, doom: map[string]string{}, granted: map[string]string{}, life: map[string]string{}}
}

func (l *log) name(id fence.NodeID) string { return l.names[id-1] }

func (l *log) add(on, event string, fields ...string) {
	if on != "" {
		fields = append([]string{"on=" + on}, fields...)
	}
	if !l.deaf {
		l.entries = append(l.entries, entry{block: l.block, on: on, event: event, fields: fields})
	}
}

var ruleOf = regexp.MustCompile(`\(([RVIS]\d+(?:\.\d+)?)[^()]*\)$`)

// rule is the rule that a text names, as a field.
func rule(text string) []string {
	if m := ruleOf.FindStringSubmatch(text); m != nil {
		return []string{"rule=" + m[1]}
	}
	return nil
}

// numbered gives the operations of a line their numbers, from one as they appear in what is shown: which of two began first is latency.
func (l *log) numbered(e entry) entry {
	e.fields = slices.Clone(e.fields)
	for i, f := range e.fields {
		if raw, ok := strings.CutPrefix(f, "op=#"); ok {
			if l.ops[raw] == 0 {
				l.ops[raw] = len(l.ops) + 1
			}
			e.fields[i] = fmt.Sprintf("op=%d", l.ops[raw])
		}
	}
	return e
}

// Committed notes a committed transition.
func (l *log) Committed(_ int, e domain.Event, s *domain.State) {
	var f []string
	put := func(k, v string) {
		if v != "" {
			f = append(f, k+"="+v)
		}
	}
	switch e.Kind {
	case domain.EventRelease:
		return // it is told by each node, behind its lease (R13)
	case domain.EventHealth:
		return // when a device is probed is nobody's subject here
	case domain.EventView:
		if !l.deaf && s.View.Quorate {
			l.epoch++
		}
		var in []string
		for _, m := range s.View.Members {
			in = append(in, l.name(m.Node))
		}
		put("epoch", fmt.Sprint(l.epoch))
		put("members", strings.Join(in, ","))
		put("quorate", fmt.Sprint(s.View.Quorate))
	case domain.EventRoster, domain.EventCold, domain.EventArm, domain.EventDisarm, domain.EventDisarms:
	default:
		if e.Node > 0 {
			put("node", l.name(e.Node))
		}
		put("life", e.Life.Boot)
		if e.Operation > 0 && !l.deaf {
			put("op", fmt.Sprint("#", e.Operation))
		}
	}
	if e.Actor > 0 {
		put("actor", l.name(e.Actor))
	}
	put("cause", string(e.Cause))
	switch e.Kind {
	case domain.EventClaim, domain.EventClaimEnd, domain.EventHandover, domain.EventCanceled:
		if e.On {
			put("action", "on")
		}
	case domain.EventPowerOn, domain.EventUnfence:
		put("result", map[bool]string{true: "on", false: "failed"}[e.On])
	case domain.EventStateful:
		put("result", map[bool]string{true: "stateful", false: "stateless"}[e.On])
	case domain.EventRequest:
		put("action", string(e.Action))
		put("by", e.By)
	}
	if e.Verdict != nil {
		put("verdict", string(e.Verdict.Kind))
		put("evidence", string(e.Verdict.Evidence.Kind))
		var devs []string
		for _, d := range e.Verdict.Evidence.Devices {
			devs = append(devs, l.device(d.Device))
		}
		put("device", strings.Join(devs, "+"))
	}
	l.add("", string(e.Kind), append(f, rule(e.Text)...)...)
}

// device names a BMC by its node.
func (l *log) device(name string) string {
	for i, n := range l.names {
		if name == fmt.Sprintf("bmc-%d", i+1) {
			return "bmc-" + n
		}
	}
	return name
}

// Rejected notes an entry that every member rejects alike.
func (l *log) Rejected(by domain.Origin, e domain.Entry, err error) {
	l.add("", "rejected", append([]string{"by=" + l.name(by.Node), "entry=" + kind(e)}, rule(err.Error())...)...)
}

// kind is the name of the one thing that an entry holds.
func kind(e domain.Entry) string {
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			return strings.ReplaceAll(tag, "_", "-")
		}
	}
	return "nothing"
}

// effects are what a daemon can be killed before: an entry by its kind, or something that it has done.
var effects = []string{
	"announce", "stateful", "leave", "overdue", "claim", "claim-end", "returned", "verdict", "power-on", "scan", "session", "operation", "release",
}

// Effect notes what only one node sees. True kills its daemon before it comes about.
func (l *log) Effect(node string, e member.Effect) bool {
	what := ""
	switch e := e.(type) {
	case member.Propose:
		what = kind(e.Entry)
	case member.Scan:
		what = "scan"
	case member.WriteSession:
		what = "session"
	case member.StartOperation:
		what = "operation"
	case member.Release:
		what = "release"
	}
	if what != "" && l.doom[node] == what {
		delete(l.doom, node)
		return true
	}
	switch e := e.(type) {
	case member.Release:
		l.add(node, "release", "node="+l.name(e.Life.Node), "life="+e.Life.Boot, "verdict="+string(e.Verdict.Kind))
	case member.SelfFence:
		l.add(node, "self-fence", "life="+l.life[node])
	case member.Tell:
		l.told(node, e)
	case member.Notice:
		if e.Kind == domain.EventRefused {
			l.add(node, "refused", append([]string{"node=" + l.name(e.Node)}, rule(e.Text)...)...)
		}
	}
	return false
}

// told notes what a node's program is told where it is another thing than the last.
func (l *log) told(node string, e member.Tell) {
	switch e.Kind {
	case member.TellGranted, member.TellFrozen, member.TellThawed, member.TellFailed:
		if l.granted[node] != string(e.Kind) || e.Kind == member.TellGranted {
			l.granted[node] = string(e.Kind)
			l.add(node, string(e.Kind), "life="+l.life[node])
		}
	}
}

// Switched notes a device's effect.
func (l *log) Switched(device, node string, action fence.Action, _ uint64) {
	l.add("", "switched", "device="+l.device(strings.TrimSuffix(device, "/")), "node="+node, "action="+string(action))
}

// Booted notes the beginning of a life.
func (l *log) Booted(node, life string) {
	l.life[node], l.granted[node] = life, ""
	l.add("", "boot", "node="+node, "life="+life)
}

// Answered notes what an administrator hears.
func (l *log) Answered(node, what string, a member.Answer) {
	result := "ok"
	switch {
	case a.Unknown:
		result = "unknown"
	case a.Err != nil:
		result = "refused"
	}
	f := []string{"what=" + strings.ReplaceAll(strings.SplitN(what, " force", 2)[0], " ", "-"), "result=" + result}
	if a.Err != nil {
		f = append(f, rule(a.Err.Error())...)
	}
	l.add(node, "answer", f...)
}

// subject is the node that an entry is about: the one that saw it alone, or the one that it names; "" for the cluster.
func (e entry) subject() string {
	if e.on != "" {
		return e.on
	}
	return e.about()
}

// about is the node that an entry names.
func (e entry) about() string {
	for _, f := range e.fields {
		if name, ok := strings.CutPrefix(f, "node="); ok {
			return name
		}
	}
	return ""
}

// show is the log of one thing that was done. Operations on several nodes go side by side, and how they interleave is latency: first comes what is
// about the cluster, then each node's own story in its order, then what single nodes saw, node by node. Claims that are repeated are shown once.
func (l *log) show(b *strings.Builder, block int, hidden map[string]bool) {
	var lines []entry
	for _, e := range l.entries {
		if hidden[actor] {
			e.fields = slices.DeleteFunc(slices.Clone(e.fields), func(f string) bool { return strings.HasPrefix(f, "actor=") })
		}
		if e.block == block && !hidden[e.event] && !e.minor() && !(repeats[e.event] && contains(lines, e)) {
			lines = append(lines, e)
		}
	}
	place := func(e entry) int {
		at := slices.Index(l.names, e.subject())
		if e.on != "" {
			at += len(l.names)
		}
		return at
	}
	slices.SortStableFunc(lines, func(a, b entry) int {
		if d := place(a) - place(b); d != 0 || a.on == "" {
			return d
		}
		return slices.Index(l.names, a.about()) - slices.Index(l.names, b.about())
	})
	for _, e := range lines {
		fmt.Fprintln(b, l.numbered(e))
	}
}

// minor: a view without quorum decides nothing, and which of them come is latency, like the refusals that one node notes.
func (e entry) minor() bool {
	return e.event == "view" && slices.Contains(e.fields, "quorate=false") || e.event == "refused" && e.on != ""
}

// repeats are the events that an operation repeats until it succeeds: how often is a matter of time.
var repeats = map[string]bool{"claim": true, "claim-end": true, "rejected": true, "refused": true, "cold-start": true}

func contains(all []entry, e entry) bool {
	return slices.ContainsFunc(all, func(o entry) bool { return o.event == e.event && slices.Equal(o.fields, e.fields) })
}

package daemon

import (
	"encoding/json"
	"slices"
	"sort"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/operation"
	"github.com/fenced-project/fenced/internal/store"

	"github.com/fenced-project/fenced/client"
)

// moment is when an event happened: by this node's own clock (now, meaningful only for live events) and by the wall (for people).
type moment struct {
	now  int64
	at   time.Time
	live bool
}

// since is a duration of this node's clock, 0 where it did not live through it.
func (m moment) since(begin int64) int64 {
	if !m.live || begin == 0 {
		return 0
	}
	return m.now - begin
}

// record is one operation as this node saw it: the projection of committed entries that history shows. Only the loop touches it.
type record struct {
	line     client.HistoryLine
	node     fence.NodeID
	requests []client.Request
	progress operation.Progress
	began    int64 // local milliseconds
	claimed  int64
	verdict  int64
	// loaded: it came from disk, so the log that is replayed at a start tells nothing new of it.
	loaded bool
}

// records are the newest operations, bounded by history.keep. What is resolved goes to disk, off the loop.
type records struct {
	d       *Daemon
	history *store.History
	keep    int
	byID    map[uint64]*record
	order   []uint64 // ascending
}

func newRecords(h *store.History, keep int, d *Daemon) *records {
	r := &records{d: d, history: h, keep: keep, byID: map[uint64]*record{}}
	if h == nil { // it cannot be used, and that was said
		return r
	}
	lines, err := h.Last(keep)
	if err != nil {
		d.log.Warn("cannot read history", "error", err)
	}
	for _, b := range lines {
		var l client.HistoryLine
		if json.Unmarshal(b, &l) == nil && l.ID != 0 {
			r.put(&record{line: l, node: fence.NodeID(l.NodeID), loaded: true})
		}
	}
	return r
}

func (r *records) put(rec *record) {
	if r.byID[rec.line.ID] == nil {
		r.order = append(r.order, rec.line.ID)
		slices.Sort(r.order)
	}
	r.byID[rec.line.ID] = rec
	for len(r.order) > r.keep {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
}

// open returns the record of an operation, making one if this is the first that is heard of it.
func (r *records) open(id uint64, e domain.Event, m moment) *record {
	if rec := r.byID[id]; rec != nil {
		if rec.node == 0 { // read from disk
			rec.node = e.Node
		}
		return rec
	}
	rec := &record{node: e.Node, line: client.HistoryLine{
		API: client.API, ID: id, Victim: r.d.name(e.Node), NodeID: uint32(e.Node), Incarnation: e.Life.Boot, Cause: string(e.Cause), Started: client.At(m.at),
	}}
	if m.live {
		rec.began = m.now
	}
	r.put(rec)
	return rec
}

// take projects one committed event.
func (r *records) take(e domain.Event, m moment) {
	if e.Kind == domain.EventClean {
		r.rejoined(e, m)
	}
	if e.Operation == 0 {
		return
	}
	rec := r.open(e.Operation, e, m)
	if rec.loaded && !m.live {
		switch e.Kind {
		case domain.EventRequest:
			r.request(rec, e)
		case domain.EventDrill:
			if e.Step == domain.DrillAsked {
				r.request(rec, e)
			}
		case domain.EventPowerOn, domain.EventUnfence: // the line was written at the verdict, before the power came back
			rec.missing(e.Attempts)
		}
		return
	}
	switch e.Kind {
	case domain.EventWould:
		r.would(rec, e, m)
	case domain.EventVictim:
		rec.line.Cause = string(e.Cause)
		if last := r.d.member.LastHeard(e.Node); last >= 0 && m.live {
			rec.line.Times.DetectMS = max(0, m.now-last)
		}
		r.action(rec, e)
	case domain.EventRequest:
		r.request(rec, e)
		r.action(rec, e)
	case domain.EventClaim:
		if !e.On {
			rec.line.Actor = r.d.name(e.Actor)
		}
		rec.claimed = m.now
		if !m.live {
			rec.claimed = 0
			if m.at.Before(rec.line.Started.Time) {
				rec.line.Started = client.At(m.at) // a view has no time of its own: the claim that followed is the nearest
			}
		}
		if !e.On && rec.line.Times.ClaimMS == 0 {
			rec.line.Times.ClaimMS = m.since(rec.began)
		}
	case domain.EventClaimEnd:
		rec.attempts(e.Attempts)
	case domain.EventVerdict:
		r.resolved(rec, e, m)
	case domain.EventDrill:
		r.drilled(rec, e, m)
	case domain.EventUnfence:
		rec.attempts(e.Attempts)
		if e.On {
			r.switchedOn(rec, m)
		}
	case domain.EventPowerOn:
		rec.attempts(e.Attempts)
		if e.On {
			rec.line.Times.OnMS = m.since(rec.verdict)
			r.switchedOn(rec, m)
		}
	}
}

// would notes what a disarmed cluster would have done: it is over as it begins.
func (r *records) would(rec *record, e domain.Event, m moment) {
	if e.Action == "" { // of a member that does not number it: it is no operation
		return
	}
	l := &rec.line
	l.Action, l.Resolution, l.Text, l.Finished = string(e.Action), client.ResolutionWould, e.Text, client.At(m.at)
	if last := r.d.member.LastHeard(e.Node); last >= 0 && m.live {
		l.Times.DetectMS = max(0, m.now-last)
	}
	r.store(rec)
}

// action copies what the operation is to leave behind.
func (r *records) action(rec *record, e domain.Event) {
	n := r.d.member.Domain().Node(e.Node)
	switch {
	case n == nil:
	case n.Victim != nil:
		rec.line.Action = string(n.Victim.Action)
	case e.Action == fence.ActionUnfence:
		rec.line.Action, rec.line.Cause = client.ActionUnfence, client.CauseOperator
	case n.PowerOn != nil && rec.line.Verdict == "":
		rec.line.Action, rec.line.Cause = client.ActionOn, client.CauseOperator
	}
}

// maxRequestsKept bounds the requests remembered of one operation.
const maxRequestsKept = 16

func (r *records) request(rec *record, e domain.Event) {
	q := client.Request{ID: e.Request, Node: rec.line.Victim, Boot: e.Life.Boot, By: e.By, Reason: e.Reason, Action: string(e.Action)}
	if rec.line.RequestedBy == "" {
		rec.line.RequestedBy, rec.line.Reason = q.By, q.Reason
	}
	if len(rec.requests) < maxRequestsKept {
		rec.requests = append(rec.requests, q)
	}
}

func (r *records) resolved(rec *record, e domain.Event, m moment) {
	if m.live {
		rec.verdict = m.now
	}
	known := !rec.line.Finished.IsZero()
	rec.attempts(e.Attempts)
	l := &rec.line
	if !known {
		l.Finished = client.At(m.at)
	}
	l.Verdict, l.Resolution = string(e.Verdict.Kind), client.ResolutionVerdict
	l.Evidence = r.d.evidence(e.Verdict)
	l.Evidence.At = l.Finished
	l.Times.OffMS, l.Times.VerifyMS = e.Times.OffMS, e.Times.VerifyMS
	if d := m.since(rec.claimed); d > 0 {
		l.Times.VerdictMS = d
	}
	if e.Verdict.Evidence.Kind == fence.EvidenceBootChanged {
		l.Resolution, l.Verdict = client.ResolutionRejoined, ""
	}
	if !known {
		r.store(rec)
	}
}

// switchedOn ends an operation that was asked for to power a machine on or to open its ways: it has no verdict, its end is that it is on.
func (r *records) switchedOn(rec *record, m moment) {
	if (rec.line.Action == client.ActionOn || rec.line.Action == client.ActionUnfence) && rec.line.Verdict == "" && rec.line.Finished.IsZero() {
		rec.line.Finished = client.At(m.at)
		r.store(rec)
	}
}

// rejoined notes the return of a node after its operation.
func (r *records) rejoined(e domain.Event, m moment) {
	for i := len(r.order) - 1; i >= 0; i-- {
		rec := r.byID[r.order[i]]
		if rec.node != e.Node || rec.verdict == 0 {
			continue
		}
		if rec.line.Times.RejoinMS == 0 {
			rec.line.Times.RejoinMS = m.since(rec.verdict)
			r.store(rec)
		}
		return
	}
}

func (r *records) released(life fence.Incarnation, now int64) {
	if rec := r.byID[r.of(life)]; rec != nil && rec.verdict > 0 {
		rec.line.Times.ReleaseMS = now - rec.verdict
	}
}

// of is the number of the newest operation on a life, 0 for none.
func (r *records) of(life fence.Incarnation) uint64 {
	for i := len(r.order) - 1; i >= 0; i-- {
		if rec := r.byID[r.order[i]]; rec.node == life.Node && rec.line.Incarnation == life.Boot {
			return rec.line.ID
		}
	}
	return 0
}

func (r *records) started(s operation.Spec, now int64) {
	if rec := r.byID[r.d.operation(s.Victim.Node)]; rec != nil {
		rec.claimed, rec.progress = now, operation.Progress{}
	}
}

func (r *records) progress(ev engine.Progress) {
	if rec := r.byID[r.d.operation(ev.Victim.Node)]; rec != nil {
		rec.progress = ev.Progress
	}
}

// maxAttemptsKept bounds the attempts shown of one operation: the newest.
const maxAttemptsKept = 256

func (rec *record) attempts(as []domain.Attempt) {
	for _, a := range as {
		rec.line.Attempts = append(rec.line.Attempts, client.Attempt{
			Level: a.Level + 1, Device: a.Device, Action: a.Action, Result: a.Result, Class: a.Class, MS: a.MS, Text: a.Text,
		})
	}
	if n := len(rec.line.Attempts); n > maxAttemptsKept {
		rec.line.Attempts = slices.Clone(rec.line.Attempts[n-maxAttemptsKept:])
	}
}

// missing adds the attempts that a line from disk does not hold yet.
func (rec *record) missing(as []domain.Attempt) {
	have := slices.Clone(rec.line.Attempts)
	rec.line.Attempts = nil
	rec.attempts(as)
	fresh := slices.DeleteFunc(rec.line.Attempts, func(a client.Attempt) bool { return slices.Contains(have, a) })
	rec.line.Attempts = append(have, fresh...)
}

// store writes a resolved operation to disk, off the loop. A full or stalled disk hits only history: the loop goes on (R20).
func (r *records) store(rec *record) {
	b, err := json.Marshal(rec.line)
	if err != nil || r.history == nil {
		return
	}
	write := func() {
		if err := r.history.Append(b); err != nil {
			r.d.log.Warn("cannot write history", "error", err)
		}
	}
	select {
	case r.d.disk <- write:
	default:
		r.d.log.Warn("history line dropped: the disk does not keep up", "operation", rec.line.ID)
	}
}

// snapshot makes records for operations that a snapshot shows and this node did not see begin.
func (r *records) snapshot(s *domain.State) {
	for _, n := range s.Victims() {
		rec := r.open(n.Victim.ID, domain.Event{Node: n.ID, Life: n.Victim.Incarnation, Cause: n.Victim.Cause}, moment{now: r.d.cfg.Now(), at: time.Now(), live: true})
		rec.line.Action = string(n.Victim.Action)
	}
}

// lines returns copies, the newest last.
func (r *records) lines(keep func(*record) bool) []client.HistoryLine {
	var out []client.HistoryLine
	for _, id := range r.order {
		if rec := r.byID[id]; keep(rec) {
			l := rec.line
			l.API = client.API
			if n, ok := r.d.member.Domain().Roster.Node(rec.node); ok {
				l.Victim = n.Name // the name that it has now
			}
			l.Attempts = slices.Clone(l.Attempts)
			out = append(out, l)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

func (r *records) close() error {
	if r.history == nil {
		return nil
	}
	return r.history.Close()
}

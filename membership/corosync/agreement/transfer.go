package agreement

// Page is a piece of a transfer: a part of the snapshot, or entries that follow each other. Everybody who needs it takes it.
type Page struct {
	// SnapAt and Offset, Total say which part of which snapshot Bytes is.
	SnapAt uint64 `json:"snap_at,omitempty"`
	Offset int    `json:"offset,omitempty"`
	Total  int    `json:"total,omitempty"`
	Bytes  []byte `json:"bytes,omitempty"`

	Entries []Entry `json:"entries,omitempty"`
}

// maxSnapshot is the largest snapshot that is taken from others.
const maxSnapshot = 64 << 20

func (p *Page) ordered() bool {
	if p.Total != 0 {
		return p.Entries == nil && p.SnapAt > 0 && p.Offset >= 0 && len(p.Bytes) > 0 && p.Total <= maxSnapshot && p.Offset <= p.Total-len(p.Bytes)
	}
	for i, e := range p.Entries {
		if !e.complete() || i > 0 && e.Index != p.Entries[i-1].Index+1 {
			return false
		}
	}
	return len(p.Entries) > 0
}

// Progress is how much of a transfer a receiver has. It is good for another session only if the same run of the same sender still has the
// log that it sent (R7): Cuts says so.
type Progress struct {
	Instance string `json:"instance"` // the sender's
	Cuts     uint64 `json:"cuts"`
	SnapAt   uint64 `json:"snap_at,omitempty"` // of the snapshot, if any
	Bytes    int    `json:"bytes,omitempty"`   // of it
	From     uint64 `json:"from"`              // entries behind this
	Through  uint64 `json:"through"`           // up to this
}

// shadow is what a receiver has of a transfer: beside its log, until it is whole (S3).
type shadow struct {
	Progress
	total    int
	snapshot []byte
	entries  []Entry
}

// newShadow begins a transfer according to a plan, or goes on with what is there if that is of the same sender and log.
func newShadow(old *shadow, p Plan, sender string) *shadow {
	s := &shadow{Progress: Progress{Instance: sender, Cuts: p.Cuts, From: p.From, Through: p.From}}
	if p.Snapshot {
		s.SnapAt = p.SnapAt
	}
	if old != nil && old.Instance == s.Instance && old.Cuts == s.Cuts && old.SnapAt == s.SnapAt && old.From == s.From && old.Through <= p.Last {
		return old
	}
	return s
}

// take adds a page that continues what is there; any other changes nothing.
func (s *shadow) take(p Page) {
	if p.Total != 0 {
		if p.SnapAt == s.SnapAt && p.Offset == s.Bytes && (s.total == 0 || s.total == p.Total) {
			s.snapshot, s.total = append(s.snapshot, p.Bytes...), p.Total
			s.Bytes = len(s.snapshot)
		}
		return
	}
	for _, e := range p.Entries {
		if e.Index == s.Through+1 {
			s.entries = append(s.entries, e)
			s.Through = e.Index
		}
	}
}

// whole reports whether all of the plan's log is there.
func (s *shadow) whole(p Plan) bool {
	return s.Through >= p.Last && (s.SnapAt == 0 || s.total > 0 && s.Bytes == s.total)
}

// Snapshot is a reader's state and the log's of the same moment.
type Snapshot struct {
	Log    Log    `json:"log"`
	Reader []byte `json:"reader"`
}

// pages cuts what the receivers of a plan lack. have is what they all have already.
func pages(p Plan, snapshot []byte, log []Entry, have Progress) []Page {
	var out []Page
	if p.Snapshot {
		for at := have.Bytes; at < len(snapshot); at += PageBytes {
			out = append(out, Page{SnapAt: p.SnapAt, Offset: at, Total: len(snapshot), Bytes: snapshot[at:min(at+PageBytes, len(snapshot))]})
		}
	}
	var page Page
	size := 0
	for _, e := range log {
		if e.Index <= max(p.From, have.Through) || e.Index > p.Last {
			continue
		}
		if size += len(e.Data) + 256; size > PageBytes && len(page.Entries) > 0 {
			out = append(out, page)
			page, size = Page{}, len(e.Data)+256
		}
		page.Entries = append(page.Entries, e)
	}
	if len(page.Entries) > 0 {
		out = append(out, page)
	}
	return out
}

// common is what all receivers have of the same transfer, nothing if one has another or none.
func common(p Plan, sender string, ps []Participant) Progress {
	var least Progress
	first := true
	for _, q := range ps {
		if !p.receives(q.Process) {
			continue
		}
		h := q.State.Have
		want := newShadow(nil, p, sender).Progress
		if h == nil || h.Instance != want.Instance || h.Cuts != want.Cuts || h.SnapAt != want.SnapAt || h.From != want.From || h.Through > p.Last {
			return Progress{Through: p.From}
		}
		if first || h.Bytes < least.Bytes {
			least.Bytes = h.Bytes
		}
		if first || h.Through < least.Through {
			least.Through = h.Through
		}
		first = false
	}
	return least
}

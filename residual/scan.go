package residual

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Bounds of one scan. At MaxEntries a probe stops and says so, which counts as unknown; beyond MaxFindings the rest is only counted.
const (
	MaxEntries  = 100_000
	MaxFindings = 1000

	defaultProbe = 2 * time.Second
	defaultTotal = 5 * time.Second
)

// Options say where to look and how long.
type Options struct {
	// SystemRoot is "/" or the directory of a fake system.
	SystemRoot string
	// Boot is the kernel's boot id: the record of another boot is never read (R26).
	Boot string
	// Session reads the session record of this boot, such as store.Read on DIR/session/BOOT.json. The error wraps fs.ErrNotExist where there is
	// none; every other error is a record that cannot be read, which is dirty. It may hang: it is called under the probe's deadline.
	Session func() ([]byte, error)
	// Probe bounds one probe, Total the scan; zero means 2 s and 5 s.
	Probe, Total time.Duration
}

// probe looks at one thing. It runs in a goroutine that nobody can stop, so it touches nothing but its own look and returns what it found.
type probe struct {
	name string
	run  func(l *look) []Finding
}

var probes = []probe{
	{ProbeSession, sessionProbe},
	{ProbeDLM, dlmProbe},
	{ProbeGFS2, gfs2Probe},
}

// Scanner scans again and again. A probe that hangs in the kernel is left alone and not started a second time until it has come back, so a hung
// file system costs one goroutine for each probe, however often it is scanned.
type Scanner struct {
	o  Options
	mu sync.Mutex
	// since is when a probe that has not come back was started.
	since map[string]time.Time
}

// New returns a Scanner; it looks at nothing yet.
func New(o Options) *Scanner {
	if o.Probe <= 0 {
		o.Probe = defaultProbe
	}
	if o.Total <= 0 {
		o.Total = defaultTotal
	}
	return &Scanner{o: o, since: map[string]time.Time{}}
}

// Scan is one scan by a Scanner that is thrown away.
func Scan(ctx context.Context, o Options) Report { return New(o).Scan(ctx) }

// Scan runs all probes side by side and returns when all have answered, at the latest after Options.Total or when ctx ends. A probe that has
// not answered by then is a finding of class state, "unknown" (V12): a scan that was called off is never clean.
func (s *Scanner) Scan(ctx context.Context) Report {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.o.Total)
	defer cancel()
	answers := make([]chan []Finding, len(probes))
	looks := make([]*look, len(probes))
	for i, p := range probes {
		answers[i] = make(chan []Finding, 1)
		looks[i] = &look{o: s.o}
		if since, hung := s.start(p.name); hung {
			why := fmt.Sprintf("an earlier look has not returned for %s", time.Since(since).Round(time.Second))
			answers[i] <- []Finding{looks[i].unknown(p.name, s.o.SystemRoot, why, true)}
			continue
		}
		go func() {
			found := p.run(looks[i])
			s.done(p.name)
			answers[i] <- found
		}()
	}
	r := Report{Boot: s.o.Boot, Session: SessionUnreadable, Findings: []Finding{}}
	timer := time.NewTimer(s.o.Probe)
	defer timer.Stop()
	late := false
	for i, p := range probes {
		found, ok := wait(ctx, answers[i], timer, &late)
		if !ok {
			why := fmt.Sprintf("no answer within %s: a read of the kernel's state hangs", min(s.o.Probe, s.o.Total))
			if err := context.Cause(ctx); err != nil && !late {
				why = "the scan was ended before it answered: " + err.Error()
			}
			found = []Finding{looks[i].unknown(p.name, s.o.SystemRoot, why, true)}
		} else if p.name == ProbeSession && looks[i].session != "" {
			r.Session = looks[i].session // read after the answer, which orders it
		}
		r.Probes = append(r.Probes, p.name)
		r.add(found)
	}
	r.Took = time.Since(begin)
	return r
}

// wait takes a probe's answer. After the deadline it takes only what is there already.
func wait(ctx context.Context, answer <-chan []Finding, timer *time.Timer, late *bool) ([]Finding, bool) {
	select {
	case found := <-answer:
		return found, true
	default:
	}
	if *late || ctx.Err() != nil {
		return nil, false
	}
	select {
	case found := <-answer:
		return found, true
	case <-timer.C:
		*late = true
	case <-ctx.Done():
	}
	return nil, false
}

func (s *Scanner) start(name string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since, hung := s.since[name]; hung {
		return since, true
	}
	s.since[name] = time.Now()
	return time.Time{}, false
}

func (s *Scanner) done(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, name)
}

// add takes findings up to MaxFindings; the last one then says that there are more.
func (r *Report) add(found []Finding) {
	for _, f := range found {
		if f.Holders == nil {
			f.Holders = []Holder{}
		}
		switch {
		case len(r.Findings) < MaxFindings:
			r.Findings = append(r.Findings, f)
		case len(r.Findings) == MaxFindings:
			r.Findings = append(r.Findings, Finding{
				Probe: f.Probe, Path: filepath.Dir(f.Path), Class: ClassState, What: "more of the same",
				Why: fmt.Sprintf("there are more than %d findings", MaxFindings), Holders: []Holder{}, Reset: f.Reset,
			})
		default:
			last := &r.Findings[MaxFindings]
			last.Reset = last.Reset && f.Reset
		}
	}
}

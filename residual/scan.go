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
	Session func() ([]byte, error) `json:"-"`
	// Probe bounds one probe, Total the scan; zero means 2 s and 5 s.
	Probe, Total time.Duration
	// Devices are the paths of shared block devices, Directories and Commands what else the administrator wants to be looked at.
	Devices, Directories []string
	Commands             []Command
	// Helper is the program, with its arguments, that runs the probes in a process of its own and ends in Serve; nil runs them here, for tests. A read
	// that hangs in the kernel then hangs a process that is abandoned, and never a thread of the caller.
	Helper []string `json:"-"`
	// Waiting keeps a process of that program started beforehand; nil starts one for each scan.
	Waiting *Waiting `json:"-"`
}

// probe looks at one thing. It runs in a goroutine that nobody can stop, so it touches nothing but its own look and returns what it found.
type probe struct {
	name string
	// class is what its findings are, at most; clears says that a reset clears them (R25). A finding may know better: it says so itself.
	class  Class
	clears bool
	run    func(l *look) []Finding
	local  bool // runs in the caller's process: it reads what only the caller can
}

var probes = []probe{
	{name: ProbeSession, class: ClassState, clears: true, run: sessionProbe, local: true},
	{name: ProbeSystem, class: ClassState, run: systemProbe},
	{name: ProbeDLM, class: ClassState, clears: true, run: dlmProbe},
	{name: ProbeGFS2, class: ClassState, clears: true, run: gfs2Probe},
	{name: ProbeOCFS2, class: ClassState, clears: true, run: ocfs2Probe},
	{name: ProbeMounts, class: ClassState, clears: true, run: mountsProbe},
	{name: ProbeLVM, class: ClassState, clears: true, run: lvmProbe},
	{name: ProbeMD, class: ClassState, clears: true, run: mdProbe},
	{name: ProbeDRBD, class: ClassState, clears: true, run: drbdProbe},
	{name: ProbeDevices, class: ClassState, clears: true, run: devicesProbe},
	{name: ProbeDirectories, class: ClassState, run: directoriesProbe},
	{name: ProbeCommands, class: ClassState, run: commandsProbe},
	{name: ProbeReservations, class: ClassAccess, run: reservationsProbe},
	{name: ProbeISCSI, class: ClassAccess, run: iscsiProbe},
	{name: ProbeMultipath, class: ClassAccess, run: multipathProbe},
	{name: ProbeRBD, class: ClassAccess, run: rbdProbe},
	{name: ProbeCeph, class: ClassAccess, run: cephProbe},
	{name: ProbeConfigFS, class: ClassHint, clears: true, run: configfsProbe},
}

// Probe is what a probe declares of itself, for people.
type Probe struct {
	Name  string
	Class Class
	// Reset says that a reset of the machine clears what it finds (R25).
	Reset bool
}

// Probes lists all probes of a scan, in the order of a report.
func Probes() []Probe {
	out := make([]Probe, len(probes))
	for i, p := range probes {
		out[i] = Probe{p.name, p.class, p.clears}
	}
	return out
}

// Scanner scans again and again. A probe that hangs in the kernel is left alone and not started a second time until it has come back, so a hung
// file system costs one helper (or one goroutine) for each probe, however often it is scanned.
type Scanner struct {
	o     Options
	table []probe
	mu    sync.Mutex
	// since is when a probe that has not come back was started.
	since map[string]time.Time
}

// New returns a Scanner; it looks at nothing yet.
func New(o Options) *Scanner { return scanner(o, probes) }

func scanner(o Options, table []probe) *Scanner {
	if o.Probe <= 0 {
		o.Probe = defaultProbe
	}
	if o.Total <= 0 {
		o.Total = defaultTotal
	}
	return &Scanner{o: o, table: table, since: map[string]time.Time{}}
}

// Scan is one scan by a Scanner that is thrown away.
func Scan(ctx context.Context, o Options) Report { return New(o).Scan(ctx) }

// answer is what one probe came to.
type answer struct {
	found   []Finding
	session SessionState
	// failed is why the process that ran it ended without it, "" if it did not.
	failed string
	silent bool // it is only late
}

// Scan runs all probes side by side and returns when all have answered, at the latest after Options.Total or when ctx ends. A probe that has
// not answered by then is a finding, "unknown" (V12): a scan that was called off is never clean.
func (s *Scanner) Scan(ctx context.Context) Report {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.o.Total)
	defer cancel()
	answers := make([]chan answer, len(s.table))
	var remote []int
	for i, p := range s.table {
		answers[i] = make(chan answer, 1)
		if since, hung := s.start(p.name); hung {
			why := fmt.Sprintf("an earlier look has not returned for %s", time.Since(since).Round(time.Second))
			answers[i] <- answer{failed: why, silent: true}
			continue
		}
		if s.o.Helper != nil && !p.local {
			remote = append(remote, i)
			continue
		}
		go func() {
			a := run(p, s.o)
			s.done(p.name)
			answers[i] <- a
		}()
	}
	if len(remote) > 0 {
		j := s.ask(ctx, remote, answers)
		defer s.o.Waiting.fill() // behind the scan, never in its way
		defer j.end()
	}
	r := Report{Boot: s.o.Boot, Session: SessionUnreadable, Findings: []Finding{}}
	timer := time.NewTimer(s.o.Probe)
	defer timer.Stop()
	late := false
	for i, p := range s.table {
		a, ok := wait(ctx, answers[i], timer, &late)
		if !ok {
			a.silent = true
			a.failed = fmt.Sprintf("no answer within %s: a read of the kernel's state hangs", min(s.o.Probe, s.o.Total))
			if err := context.Cause(ctx); err != nil && !late {
				a.failed = "the scan was ended before it answered: " + err.Error()
			}
		}
		if a.failed != "" {
			l := &look{o: s.o, class: p.class}
			a.found = []Finding{l.unknown(p.name, s.o.SystemRoot, a.failed, true)}
			if a.silent {
				r.Silent = append(r.Silent, p.name)
			}
		} else if a.session != "" {
			r.Session = a.session
		}
		r.Probes = append(r.Probes, p.name)
		r.add(a.found)
	}
	r.Took = time.Since(begin)
	return r
}

// run runs one probe in this process.
func run(p probe, o Options) answer {
	l := &look{o: o}
	found := p.run(l)
	return answer{found: found, session: l.session}
}

// wait takes a probe's answer. After the deadline it takes only what is there already.
func wait(ctx context.Context, from <-chan answer, timer *time.Timer, late *bool) (answer, bool) {
	select {
	case a := <-from:
		return a, true
	default:
	}
	if *late || ctx.Err() != nil {
		return answer{}, false
	}
	select {
	case a := <-from:
		return a, true
	case <-timer.C:
		*late = true
	case <-ctx.Done():
	}
	return answer{}, false
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
				Probe: f.Probe, Path: filepath.Dir(f.Path), Class: f.Class, What: "more of the same",
				Why: fmt.Sprintf("there are more than %d findings", MaxFindings), Holders: []Holder{}, Reset: f.Reset,
			})
		default:
			last := &r.Findings[MaxFindings]
			last.Reset = last.Reset && f.Reset
			if f.Class == ClassState { // what counts is not hidden behind what does not
				last.Class = ClassState
			}
		}
	}
}

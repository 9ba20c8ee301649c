package secrets

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// sampler reads the arguments and environments of all processes but this one, over and over.
type sampler struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	hay    haystack
	passes int
	seen   map[string]bool // what was searched already
	ran    map[string]bool // the programs whose arguments were read
	tool   int             // how often ipmitool was looked at
}

func startSampler(ns []needle) *sampler {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sampler{cancel: cancel, hay: haystack{needles: ns}, seen: map[string]bool{}, ran: map[string]bool{}}
	s.done.Go(func() {
		for ctx.Err() == nil {
			s.pass()
		}
	})
	return s
}

// stop ends it; its fields may be read afterwards.
func (s *sampler) stop() {
	s.cancel()
	s.done.Wait()
}

func (s *sampler) pass() {
	s.passes++
	proc, err := os.Open("/proc")
	if err != nil {
		s.hay.findings = append(s.hay.findings, finding{"nothing", "an error", err.Error()})
		return
	}
	names, _ := proc.Readdirnames(-1)
	_ = proc.Close()
	own := strconv.Itoa(os.Getpid())
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' || name == own {
			continue
		}
		args := read("/proc/" + name + "/cmdline")
		program, _, _ := strings.Cut(args, "\x00")
		program = filepath.Base(program)
		s.ran[program] = true
		s.look("the arguments of "+program, args)
		if program == "ipmitool" {
			s.tool++ // its environment may be empty
		}
		s.look("the environment of "+program, read("/proc/"+name+"/environ"))
	}
}

func (s *sampler) look(where, text string) {
	if text == "" || s.seen[text] {
		return
	}
	s.seen[text] = true
	s.hay.search(where, []byte(text))
}

// read gives what can be read of a file of /proc; the process may be gone.
func read(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(b)
}

package residual

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"syscall"
)

// Bounds of the helper: its memory, and one line of its answer.
const (
	helperSoft = 128 << 20
	helperHard = 1 << 30
	maxReply   = 8 << 20
)

// Serve is the helper's main function: it waits for what standard input asks for, runs those probes and answers on standard output. The caller exits after
// it, whatever still hangs. Its memory is bounded: beyond that it dies, and what it has not answered is unknown. While it waits it does nothing at all, and
// it knows nothing that a reload could change: where to look comes with the word.
func Serve(in io.Reader, out io.Writer) error {
	debug.SetMemoryLimit(helperSoft)
	debug.SetGCPercent(-1) // it lives for milliseconds: nothing is collected before the limit
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: helperHard, Max: helperHard}); err != nil {
		return fmt.Errorf("cannot bound the memory: %w", err)
	}
	if err := json.NewEncoder(out).Encode(reply{Waits: true}); err != nil {
		return err
	}
	return serve(in, out)
}

func serve(in io.Reader, out io.Writer) error {
	dec := json.NewDecoder(in)
	var ask request
	if err := dec.Decode(&ask); err != nil {
		return fmt.Errorf("cannot read what is asked: %w", err)
	}
	left := make(chan error, 1)
	go func() {
		_, err := dec.Buffered().Read(nil)
		_, err2 := io.Copy(io.Discard, in)
		left <- errors.Join(err, err2)
	}()
	enc := json.NewEncoder(out)
	if err := enc.Encode(reply{Up: true}); err != nil {
		return err
	}
	all := slices.Concat(probes, troubles)
	replies := make(chan reply, len(all))
	running := 0
	for _, p := range all {
		if !p.local && slices.Contains(ask.Probes, p.name) {
			running++
			go func() { replies <- reply{Probe: p.name, Findings: bound(run(p, ask.Options).found)} }()
		}
	}
	for range running {
		select {
		case r := <-replies:
			if err := enc.Encode(r); err != nil {
				return err
			}
		case err := <-left:
			return errors.Join(errors.New("whoever asked is gone"), err)
		}
	}
	return nil
}

// bound keeps one answer within a line that is taken.
func bound(found []Finding) []Finding {
	var r Report
	r.add(found)
	return r.Findings
}

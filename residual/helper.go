package residual

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
)

// The helper is a process that runs probes and may be abandoned: a process that hangs in the kernel cannot even be killed, so nobody waits for it. It
// gets one request on standard input, answers with one line for each probe as it is done, and ends with the last one, when standard input ends, or
// when it is killed.

// request is what the helper is asked for.
type request struct {
	Options Options  `json:"options"`
	Probes  []string `json:"probes"`
}

// reply is one line of the helper.
type reply struct {
	Up       bool      `json:"up,omitempty"` // it has begun to look; the first line
	Probe    string    `json:"probe"`
	Findings []Finding `json:"findings"`
}

// Bounds of the helper: its memory, and one line of its answer.
const (
	helperSoft = 128 << 20
	helperHard = 1 << 30
	maxReply   = 8 << 20
)

// helper is one process that runs probes for a Scanner.
type helper struct {
	s       *Scanner
	cmd     *exec.Cmd
	in      io.Closer
	mu      sync.Mutex
	pending map[string]int // probes that have not answered, and where their answer goes
	answers []chan answer
	up      chan struct{} // closed when it has begun to look, or has ended
	once    sync.Once
}

// help starts a helper for the probes. What it does not answer is answered here when it ends: a helper that dies has found nothing good.
func (s *Scanner) help(which []int, answers []chan answer) *helper {
	h := &helper{s: s, pending: map[string]int{}, answers: answers, up: make(chan struct{})}
	var names []string
	for _, i := range which {
		h.pending[s.table[i].name] = i
		names = append(names, s.table[i].name)
	}
	ask, err := json.Marshal(request{s.o, names})
	if err != nil {
		h.ended(fmt.Errorf("cannot ask it: %w", err))
		return h
	}
	cmd := exec.Command(s.o.Helper[0], s.o.Helper[1:]...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		h.ended(err)
		return h
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		h.ended(err)
		return h
	}
	h.cmd, h.in = cmd, in
	go func() { _, _ = in.Write(append(ask, '\n')) }() // a helper that does not read is killed at the deadline
	go h.listen(out)
	return h
}

// listen takes the helper's answers until it ends, and waits for that end: for as long as the kernel holds it.
func (h *helper) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 0, 64<<10), maxReply)
	for lines.Scan() {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil || !h.take(r) {
			break
		}
	}
	_ = h.in.Close()
	h.abandon() // it has said all it had to say, or nobody listens any more
	h.ended(h.cmd.Wait())
}

// take passes an answer on. An answer that nobody waits for, or a probe that found what it cannot find, is not from our helper.
func (h *helper) take(r reply) bool {
	h.once.Do(func() { close(h.up) })
	if r.Up {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	i, ok := h.pending[r.Probe]
	if !ok || slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Probe != r.Probe }) {
		return false
	}
	delete(h.pending, r.Probe)
	h.s.done(r.Probe)
	h.answers[i] <- answer{found: r.Findings}
	return true
}

// ended answers for the probes that the helper did not answer for.
func (h *helper) ended(err error) {
	h.once.Do(func() { close(h.up) })
	h.mu.Lock()
	defer h.mu.Unlock()
	why := "the process that looks ended before it answered"
	if err != nil {
		why += ": " + err.Error()
	}
	for name, i := range h.pending { // order: each has a channel of its own
		h.s.done(name)
		h.answers[i] <- answer{failed: why}
	}
	h.pending = nil
}

// abandon kills the helper if it is still there, and does not wait for it: what hangs in the kernel hears no signal.
func (h *helper) abandon() {
	if h.cmd != nil {
		_ = h.cmd.Process.Kill() // os.Process knows whether the number is still its own
	}
}

// Serve is the helper's main function: it runs the probes that standard input asks for and answers on standard output. The caller exits after it,
// whatever still hangs. Its memory is bounded: beyond that it dies, and what it has not answered is unknown.
func Serve(in io.Reader, out io.Writer) error {
	debug.SetMemoryLimit(helperSoft)
	debug.SetGCPercent(-1) // it lives for milliseconds: nothing is collected before the limit
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: helperHard, Max: helperHard}); err != nil {
		return fmt.Errorf("cannot bound the memory: %w", err)
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

package residual

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// The helper is a process that runs probes and may be abandoned: a process that hangs in the kernel cannot even be killed, so nobody waits for it. It
// gets one request on standard input, answers with one line for each probe as it is done, and ends with the last one, when standard input ends, or
// when it is killed. It may be started long before its request (Waiting).

// request is what the helper is asked for.
type request struct {
	Options Options  `json:"options"`
	Probes  []string `json:"probes"`
}

// reply is one line of the helper.
type reply struct {
	Waits    bool      `json:"waits,omitempty"` // it can be asked; the first line
	Up       bool      `json:"up,omitempty"`    // it has been asked and begins to look
	Probe    string    `json:"probe"`
	Findings []Finding `json:"findings"`
}

// helper is one process that runs probes.
type helper struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	// waits is closed when it has said that it waits, or has ended; gone when it has ended and was waited for.
	waits, gone chan struct{}
	waiting     sync.Once
	// over is closed when the thread that started it is needed no longer.
	over chan struct{}
	once sync.Once

	mu    sync.Mutex
	job   *job // what it was asked for; nil while it waits
	ended bool
}

// startHelper starts a process of the program. It has nothing of ours: three descriptors, no environment, and / to work in. The kernel kills it when this
// process ends (and when it is replaced by exec): its standard input ends then too, which is enough for every one that still reads.
func startHelper(program []string) (*helper, error) {
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h := &helper{cmd: cmd, in: in, waits: make(chan struct{}), gone: make(chan struct{}), over: make(chan struct{})}
	started := make(chan error)
	go func() { // the kernel takes the end of the thread that started it for the end of this process, so that thread stays
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if started <- err; err == nil {
			<-h.over
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	go h.listen(out)
	return h, nil
}

// ask gives it a job, its only one; it reports false where it has ended. A helper that does not read is killed when the scan is over.
func (h *helper) ask(j *job, request []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || h.job != nil {
		return false
	}
	h.job = j
	go func() { _, _ = h.in.Write(request) }()
	return true
}

// listen takes the helper's answers until it ends, and waits for that end: for as long as the kernel holds it.
func (h *helper) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 0, 4<<10), maxReply)
	for lines.Scan() {
		var r reply
		if json.Unmarshal(lines.Bytes(), &r) != nil || !h.take(r) {
			break
		}
	}
	_ = h.in.Close()
	h.abandon() // it has said all it had to say, or nobody listens any more
	err := h.cmd.Wait()
	h.waiting.Do(func() { close(h.waits) })
	h.mu.Lock()
	h.ended = true
	j := h.job
	h.mu.Unlock()
	close(h.gone)
	if j != nil {
		j.ended(h, err)
	}
}

// take passes a line on. One that has not been asked says only that it waits.
func (h *helper) take(r reply) bool {
	if r.Waits {
		h.waiting.Do(func() { close(h.waits) })
		return true
	}
	h.mu.Lock()
	j := h.job
	h.mu.Unlock()
	return j != nil && j.take(h, r)
}

// abandon kills the helper if it is still there, and does not wait for it: what hangs in the kernel hears no signal.
func (h *helper) abandon() {
	_ = h.cmd.Process.Kill() // os.Process knows whether the number is still its own
	h.once.Do(func() { close(h.over) })
}

func (h *helper) hasEnded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

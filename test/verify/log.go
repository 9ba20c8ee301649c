package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// tailLines is how much of a failed stage's log is shown; the whole is in build/verify/STAGE.log.
const tailLines = 200

// stageLog keeps what a stage prints in build/verify/STAGE.log and shows it as it comes, or its tail after a failure.
type stageLog struct {
	mu     sync.Mutex
	file   *os.File
	out    io.Writer
	stream bool
	path   string
}

func newStageLog(root, stage string, out io.Writer, stream bool) (*stageLog, error) {
	dir := filepath.Join(root, "build", "verify")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot keep the log of %s: %w", stage, err)
	}
	path := filepath.Join(dir, stage+".log")
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("cannot keep the log of %s: %w", stage, err)
	}
	return &stageLog{file: f, out: out, stream: stream, path: path}, nil
}

// Write takes the output of several children at once.
func (l *stageLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream {
		_, _ = l.out.Write(p)
	}
	return l.file.Write(p)
}

// finish closes the log and shows its tail if the stage failed and nobody saw it yet.
func (l *stageLog) finish(failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close()
	if !failed || l.stream {
		return
	}
	data, err := os.ReadFile(l.path)
	if err != nil {
		_, _ = fmt.Fprintf(l.out, "cannot show %s: %v\n", l.path, err)
		return
	}
	lines := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	if cut := len(lines) - tailLines; cut > 0 {
		_, _ = fmt.Fprintf(l.out, "… %d lines before these are in %s\n", cut, l.path)
		lines = lines[cut:]
	}
	for _, line := range lines {
		_, _ = fmt.Fprintf(l.out, "  %s\n", line)
	}
}

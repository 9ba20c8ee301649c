package playground

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// logs are the paths of every log in the cluster's directory.
func (c *Cluster) logs() []string {
	paths, _ := filepath.Glob(c.path("*.log"))
	for _, n := range c.nodes {
		paths = append(paths, n.LogPath())
	}
	return paths
}

// SaveLogs copies every log to a directory, as NODE.log and BMC.log, for whoever looks into a failure after everything is gone.
func (c *Cluster) SaveLogs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, path := range c.logs() {
		name := filepath.Base(path)
		if name == "log" {
			name = filepath.Base(filepath.Dir(path)) + ".log"
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// LogTails returns the last lines of every log in the cluster's directory but for those of level debug, for a message about a failure.
func (c *Cluster) LogTails(lines int) string {
	var b strings.Builder
	for _, path := range c.logs() {
		tail, err := tailOf(path, lines)
		if err != nil || len(tail) == 0 {
			continue
		}
		rel, _ := filepath.Rel(c.dir, path)
		fmt.Fprintf(&b, "--- %s\n%s\n", rel, strings.Join(tail, "\n"))
	}
	return b.String()
}

// tailOf returns the last lines of a file that are not of level debug, each cut at 500 bytes.
func tailOf(path string, lines int) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 256 << 10
	if st, err := f.Stat(); err == nil && st.Size() > most {
		if _, err := f.Seek(-most, 2); err != nil {
			return nil, err
		}
	}
	var tail []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := s.Text()
		if strings.Contains(line, "level=DEBUG") {
			continue
		}
		if len(line) > 500 {
			line = line[:500] + "…"
		}
		if tail = append(tail, line); len(tail) > lines {
			tail = tail[1:]
		}
	}
	return tail, s.Err()
}

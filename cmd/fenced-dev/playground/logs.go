package playground

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LogTails returns the last lines of every log in the cluster's directory, for a message about a failure.
func (c *Cluster) LogTails(lines int) string {
	var b strings.Builder
	paths, _ := filepath.Glob(c.path("*log"))
	for _, n := range c.nodes {
		paths = append(paths, n.LogPath())
	}
	for _, path := range paths {
		tail, err := tailOf(path, lines)
		if err != nil || len(tail) == 0 {
			continue
		}
		rel, _ := filepath.Rel(c.dir, path)
		fmt.Fprintf(&b, "--- %s\n%s\n", rel, strings.Join(tail, "\n"))
	}
	return b.String()
}

// tailOf returns the last lines of a file, each cut at 500 bytes.
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
		if len(line) > 500 {
			line = line[:500] + "…"
		}
		if tail = append(tail, line); len(tail) > lines {
			tail = tail[1:]
		}
	}
	return tail, s.Err()
}

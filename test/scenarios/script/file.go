package script

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// File is one scenario: what it proves, its commands and the log that it must give.
type File struct {
	Name string // as errors show it
	// Proves are the ids of the scenarios and rules that it proves.
	Proves []string
	// Parts are the ids of which it shows only what a model of the embedded provider can: they stay open.
	Parts []string
	Log   string // what stands behind the rule, "" where there is none yet
	// Vary is the variable of an `each` line and its values; it is played once with each of them.
	Vary     string
	From, To int
	Seeds    int
	lines    []line
	nodes    []string
}

// line is one command.
type line struct {
	at    int
	words []string
}

// Problem is a mistake in a file: where, and what exists.
type Problem struct {
	File string
	Line int
	Text string
}

func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// The bounds of a file: beyond them it is a mistake, not a scenario.
const (
	maxBytes = 256 << 10
	maxLines = 500
	maxSeeds = 200
	maxVary  = 200
	seeds    = 5 // unless the file says otherwise
)

// logRule stands between the commands and the log.
const logRule = "--- log"

// Read reads a file. Its errors are Problems, or say why it cannot be read.
func Read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), string(data))
}

// Parse takes a file apart and compiles it with each value of its variable, so that a mistake is found before anything is played.
func Parse(name, text string) (*File, error) {
	f := &File{Name: name, Seeds: seeds}
	if len(text) > maxBytes {
		return nil, f.problem(1, "longer than %d bytes", maxBytes)
	}
	commands, log, _ := strings.Cut("\n"+text, "\n"+logRule+"\n")
	f.Log = log
	for i, l := range strings.Split(commands[min(1, len(commands)):], "\n") {
		l, _, _ = strings.Cut(l, "#")
		if words := strings.Fields(l); len(words) > 0 {
			f.lines = append(f.lines, line{at: i + 1, words: words})
		}
	}
	if len(f.lines) > maxLines {
		return nil, f.problem(f.lines[maxLines].at, "more than %d commands", maxLines)
	}
	if err := f.head(); err != nil {
		return nil, err
	}
	for k := f.From; k <= f.To; k++ {
		if _, err := f.compile(k); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *File) problem(at int, format string, args ...any) error {
	return &Problem{File: f.Name, Line: at, Text: fmt.Sprintf(format, args...)}
}

var (
	idName   = regexp.MustCompile(`^(S\d+\.\d+|[RVIL]\d+)$`)
	nodeName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,15}$`)
	varName  = regexp.MustCompile(`^[a-z]{1,8}$`)
	values   = regexp.MustCompile(`^(\d{1,4})\.\.(\d{1,4})$`)
)

// head takes the lines that speak of the file itself; they may stand anywhere before the first command that acts.
func (f *File) head() error {
	var rest []line
	for _, l := range f.lines {
		args := l.words[1:]
		switch l.words[0] {
		case "proves", "part":
			for _, id := range args {
				if !idName.MatchString(id) {
					return f.problem(l.at, "%q is no id of a scenario, rule or invariant (S1.3, R13, V4, I1)", id)
				}
			}
			if l.words[0] == "part" {
				f.Parts = append(f.Parts, args...)
			} else {
				f.Proves = append(f.Proves, args...)
			}
		case "nodes":
			if err := f.name(l, args); err != nil {
				return err
			}
		case "seeds":
			n, err := strconv.Atoi(strings.Join(args, " "))
			if err != nil || n < 1 || n > maxSeeds {
				return f.problem(l.at, "seeds N: how many it is played with, 1 to %d", maxSeeds)
			}
			f.Seeds = n
		case "each":
			if len(args) != 2 || !varName.MatchString(args[0]) || values.FindStringSubmatch(args[1]) == nil {
				return f.problem(l.at, "each NAME FROM..TO: $NAME is each of the numbers in turn")
			}
			m := values.FindStringSubmatch(args[1])
			f.Vary = args[0]
			f.From, _ = strconv.Atoi(m[1])
			f.To, _ = strconv.Atoi(m[2])
			if f.To < f.From || f.To-f.From >= maxVary {
				return f.problem(l.at, "each %s %s: at most %d numbers, the smaller one first", args[0], args[1], maxVary)
			}
		default:
			rest = append(rest, l)
		}
	}
	f.lines = rest
	switch {
	case f.nodes == nil:
		return f.problem(1, "no line says which nodes there are: nodes A B C")
	case len(f.Proves)+len(f.Parts) == 0:
		return f.problem(1, "no line says what it proves, or of what it shows a part: proves S1.3")
	}
	return nil
}

func (f *File) name(l line, args []string) error {
	if f.nodes != nil {
		return f.problem(l.at, "nodes are named twice")
	}
	for i, n := range args {
		if !nodeName.MatchString(n) || slices.Contains(args[:i], n) {
			return f.problem(l.at, "%q: a node's name is a capital letter with letters and digits, once", n)
		}
	}
	if len(args) < 2 || len(args) > 16 { // a membership may want more of them
		return f.problem(l.at, "%d nodes: clusters of 2 to 16 are simulated here", len(args))
	}
	f.nodes = args
	return nil
}

// fill puts the value of the variable into a line.
func (f *File) fill(l line, k int) line {
	if f.Vary == "" {
		return l
	}
	words := make([]string, len(l.words))
	for i, w := range l.words {
		words[i] = strings.ReplaceAll(w, "$"+f.Vary, strconv.Itoa(k))
	}
	return line{at: l.at, words: words}
}

// Update writes the log into a file, behind its commands.
func Update(path, log string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	commands, _, _ := strings.Cut(string(data), "\n"+logRule+"\n")
	return os.WriteFile(path, []byte(strings.TrimRight(commands, "\n")+"\n"+logRule+"\n"+log), 0o644)
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds of one file. The library's parser recurses as deep as the text nests, so the text is bounded before it is parsed: a line of 4096
// bytes cannot nest deeper than that in block style, and flow style is counted. It also takes time with the square of a map's length: 20,000
// lines are enough for a thousand nodes and take less than two seconds at worst.
const (
	maxFile    = 1 << 20
	maxLines   = 20_000
	maxLine    = 4096
	maxFlow    = 64
	maxConfDir = 1000
)

var errOpenFile = errors.New("everybody may write it")

// readFile reads one file of bounded size that only its owner and group can change.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would block until somebody writes into it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a plain file")
	case info.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("%w (mode %04o)", errOpenFile, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return b, err
}

// read is readFile, with what the overlay says instead.
func (o Options) read(path string) ([]byte, error) {
	if text, ok := o.Overlay[path]; ok {
		return text, nil
	}
	return readFile(path)
}

// confFiles is confFiles, with what the overlay adds and takes away.
func (o Options) confFiles(dir string) ([]string, error) {
	files, err := confFiles(dir)
	for path, text := range o.Overlay {
		switch {
		case filepath.Dir(path) != filepath.Clean(dir):
		case text == nil:
			files = slices.DeleteFunc(files, func(f string) bool { return f == path })
		case !slices.Contains(files, path):
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files, err
}

// confFiles lists DIR/*.yaml in lexical order; a missing directory has none.
func confFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) > maxConfDir {
		return nil, fmt.Errorf("more than %d files", maxConfDir)
	}
	return files, nil
}

// parse makes one tree of one file. Whatever is wrong goes to the report; nil means that there is no tree to go on with.
func parse(file string, text []byte, rep *report) *node {
	if p, bad := bounded(file, text); bad {
		rep.add(p)
		return nil
	}
	doc, err := parseYAML(text)
	if err != nil {
		rep.add(syntaxProblem(file, err))
		return nil
	}
	var bodies []ast.Node
	for _, d := range doc.Docs {
		if d != nil && d.Body != nil && d.Body.Type() != ast.CommentType && d.Body.Type() != ast.NullType {
			bodies = append(bodies, d.Body)
		}
	}
	b := &builder{file: file, rep: rep}
	switch len(bodies) {
	case 0:
		return &node{file: file, line: 1, col: 1, kind: mapping}
	case 1:
	default:
		rep.at(b.node(bodies[1], 0), "use one file for each", "a second YAML document begins here")
	}
	root := b.node(bodies[0], 0)
	if root.kind != mapping {
		rep.at(root, "begin with `cluster: NAME`", "the file is %s, not a map", root.kind)
		return nil
	}
	return root
}

// parseYAML calls the library; a panic of the library is an error of the file, never the end of the daemon.
func parseYAML(text []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("the YAML library failed: %v", p)
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

func bounded(file string, text []byte) (Problem, bool) {
	line, flow := 1, 0
	for rest := text; len(rest) > 0; line++ {
		var l []byte
		l, rest, _ = bytes.Cut(rest, []byte("\n"))
		at := func(col int, text, remedy string) (Problem, bool) {
			return Problem{File: file, Line: line, Col: col, Text: text, Remedy: remedy}, true
		}
		if line > maxLines {
			return at(1, fmt.Sprintf("more than %d lines", maxLines), "spread them over several files in conf.d")
		}
		if len(l) > maxLine {
			return at(maxLine, fmt.Sprintf("line longer than %d bytes", maxLine), "break it")
		}
		if !utf8.Valid(l) {
			return at(1, "the line is not UTF-8 text", "save the file as UTF-8")
		}
		for i, c := range l {
			switch c {
			case '[', '{':
				flow++
			case ']', '}':
				flow = max(flow-1, 0)
			case 0:
				return at(i+1, "a zero byte", "remove it")
			case '\t':
				if len(bytes.TrimLeft(l[:i], " \t")) == 0 && len(bytes.TrimSpace(l)) > 0 {
					return at(i+1, "a tab indents this line", "indent with spaces")
				}
			}
			if flow > maxFlow {
				return at(i+1, fmt.Sprintf("brackets nested deeper than %d", maxFlow), "close them")
			}
		}
	}
	return Problem{}, false
}

func syntaxProblem(file string, err error) Problem {
	p := Problem{File: file, Line: 1, Col: 1, Text: firstLine(err.Error()), Remedy: "check indentation and colons around this place"}
	var se yaml.Error
	if errors.As(err, &se) {
		p.Text = "syntax: " + firstLine(se.GetMessage())
		if tk := se.GetToken(); tk != nil && tk.Position != nil {
			p.Line, p.Col = tk.Position.Line, tk.Position.Column
		}
	}
	return p
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

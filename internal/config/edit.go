package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// Edit is one change of the files, made in memory: nothing is written before somebody has looked at what it means.
type Edit struct {
	// Files maps a path to its new text; nil removes the file.
	Files map[string][]byte
	// Words say what is done to which file, one line each.
	Words []string
}

// errByHand: the file is written in a way that these simple edits do not understand.
var errByHand = errors.New("edit it by hand, then fenced apply")

// NewNode is a node to be added. Levels are in the form that plans show: bmc-4, pdu-a[3]+pdu-b[3], wait:watchdog, ask:human. Devices are
// NAME,OPTION=VALUE,… and make devices of their own.
type NewNode struct {
	Name, Address string
	ID            fence.NodeID
	Witness       bool
	NoVote        bool
	Machine       string // UUID
	Off           bool   // hold it off after its verdict
	Levels        []string
	Devices       []string
}

// AddNode writes the node, and devices for it, into a file of its own in conf.d: no file that a person wrote is touched.
func AddNode(o Options, n NewNode) (Edit, error) {
	main := orDefault(o.Path, DefaultPath)
	path := filepath.Join(orDefault(o.ConfDir, filepath.Join(filepath.Dir(main), "conf.d")), "node-"+n.Name+".yaml")
	if !goodName(n.Name) {
		return Edit{}, fmt.Errorf("%s cannot be the name of a node: %s", quote(n.Name), nameRemedy)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return Edit{}, fmt.Errorf("%s is there already: remove it, or %w", path, errByHand)
	}
	var b bytes.Buffer
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	w("# written by fenced node add")
	w("nodes:\n  %s:\n    id: %d\n    address: %q", n.Name, n.ID, n.Address)
	if n.Witness {
		w("    witness: true")
	}
	if n.NoVote {
		w("    votes: 0")
	}
	if n.Machine != "" {
		w("    machine: {uuid: %q}", n.Machine)
	}
	if n.Off {
		w("    action: off")
	}
	if len(n.Levels) > 0 {
		w("    levels:")
	}
	for _, l := range n.Levels {
		level, err := levelText(l)
		if err != nil {
			return Edit{}, err
		}
		w("      - %s", level)
	}
	for i, d := range n.Devices {
		dir, err := filepath.Abs(filepath.Dir(main))
		if err != nil {
			return Edit{}, err
		}
		text, err := deviceText(d, dir)
		if err != nil {
			return Edit{}, err
		}
		if i == 0 {
			w("devices:")
		}
		w("%s", text)
	}
	return Edit{Files: map[string][]byte{path: b.Bytes()}, Words: []string{"writes " + path}}, nil
}

// levelText writes one level as the format wants it.
func levelText(s string) (string, error) {
	var steps []string
	for step := range strings.SplitSeq(s, "+") {
		step = strings.TrimSpace(step)
		device, target, has := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		kind, value, special := strings.Cut(step, ":")
		switch {
		case special && (kind == "wait" || kind == "ask"):
			steps = append(steps, fmt.Sprintf("{%s: %s}", kind, strconv.Quote(value)))
		case device == "" || strings.HasSuffix(step, "]") != has:
			return "", fmt.Errorf("a level is DEVICE, DEVICE[TARGET], or several joined by +, not %s", quote(s))
		case has:
			steps = append(steps, fmt.Sprintf("{device: %q, target: %q}", device, target))
		default:
			steps = append(steps, strconv.Quote(device))
		}
	}
	return "[" + strings.Join(steps, ", ") + "]", nil
}

// deviceText writes one device. A path of a secret is relative to the main file, as people who type it think, and not to conf.d.
func deviceText(s, dir string) (string, error) {
	name, rest, _ := strings.Cut(s, ",")
	if !goodName(name) || rest == "" {
		return "", fmt.Errorf("a device is NAME,plugin=PLUGIN,OPTION=VALUE…, not %s", quote(s))
	}
	out := []string{"  " + name + ":"}
	for option := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(option, "=")
		if !ok || !goodName(key) {
			return "", fmt.Errorf("an option of a device is OPTION=VALUE, not %s", quote(option))
		}
		if _, secret := secretFileOf(key); secret && !filepath.IsAbs(value) && !strings.HasPrefix(value, credentials) {
			value = filepath.Join(dir, value)
		}
		out = append(out, fmt.Sprintf("    %s: %q", key, value))
	}
	return strings.Join(out, "\n"), nil
}

// files are the present texts of all files, with what an edit has done to them so far.
type files struct {
	order []string
	text  map[string][]byte
	root  *node
	edit  Edit
}

func openFiles(o Options) (*files, error) {
	rep := &report{order: map[string]int{}}
	root, paths := readTree(o, rep)
	if root == nil {
		return nil, rep.sorted()
	}
	f := &files{order: paths, text: map[string][]byte{}, root: root, edit: Edit{Files: map[string][]byte{}}}
	for _, p := range paths {
		b, err := o.read(p)
		if err != nil {
			return nil, err
		}
		f.text[p] = b
	}
	return f, nil
}

// cut removes the lines of one entry of a map in block style: its key's line and all that is indented deeper.
func (f *files) cut(key *node, what string) error {
	lines := bytes.SplitAfter(f.text[key.file], []byte("\n"))
	first := key.line - 1
	if first >= len(lines) || len(bytes.TrimLeft(lines[first], " ")) != len(lines[first])-(key.col-1) {
		return fmt.Errorf("%s: %s does not begin its line: %w", key.place(), what, errByHand)
	}
	last := first + 1
	for ; last < len(lines); last++ {
		l := bytes.TrimRight(lines[last], " \r\n")
		if indent := len(l) - len(bytes.TrimLeft(l, " ")); len(l) > 0 && indent < key.col {
			break
		}
	}
	for last > first+1 && len(bytes.TrimSpace(lines[last-1])) == 0 {
		last-- // empty lines belong to what follows
	}
	f.put(key.file, bytes.Join(slices.Concat(lines[:first], lines[last:]), nil))
	f.edit.Words = append(f.edit.Words, fmt.Sprintf("takes %s out of %s", what, key.file))
	return f.again()
}

// set replaces one value or key on its line.
func (f *files) set(at *node, value string) error {
	lines := bytes.SplitAfter(f.text[at.file], []byte("\n"))
	if at.line > len(lines) || at.col > len(lines[at.line-1]) {
		return fmt.Errorf("%s: %w", at.place(), errByHand)
	}
	line := lines[at.line-1]
	head, tail := line[:at.col-1], line[at.col-1:]
	old, fresh := at.value, value
	if at.quoted {
		for _, q := range []string{`"`, `'`} {
			if bytes.HasPrefix(tail, []byte(q+at.value+q)) {
				old, fresh = q+at.value+q, q+value+q
			}
		}
	}
	if !bytes.HasPrefix(tail, []byte(old)) {
		return fmt.Errorf("%s: %w", at.place(), errByHand)
	}
	lines[at.line-1] = slices.Concat(head, []byte(fresh), tail[len(old):])
	f.put(at.file, bytes.Join(lines, nil))
	f.edit.Words = append(f.edit.Words, fmt.Sprintf("writes %s instead of %s in %s, line %d", fresh, old, at.file, at.line))
	return f.again()
}

func (f *files) put(path string, text []byte) {
	f.text[path], f.edit.Files[path] = text, text
}

// again parses the edited texts, so that the next edit finds its place.
func (f *files) again() error {
	rep := &report{order: map[string]int{}}
	f.root = nil
	for _, p := range f.order {
		tree := parse(p, f.text[p], rep)
		switch {
		case tree == nil:
			return rep.sorted()
		case f.root == nil:
			f.root = tree
		default:
			merge(f.root, tree, "", rep)
		}
	}
	if len(rep.list) > 0 {
		return rep.sorted()
	}
	return nil
}

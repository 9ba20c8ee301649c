package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

type kind int

const (
	scalar kind = iota
	mapping
	sequence
	null
)

func (k kind) String() string {
	return [...]string{"a value", "a map", "a list", "nothing"}[k]
}

// node is one place in a file: what is written there and where. Everything behind tree.go sees only nodes, never the YAML library.
type node struct {
	file      string
	line, col int
	kind      kind
	value     string // of a scalar, in the file's spelling
	bad       bool   // reported already, and of kind null
	quoted    bool   // a scalar that was written in quotes or as a block
	fields    []field
	items     []*node
}

// field is one entry of a map, in the order of the file.
type field struct {
	key   *node
	value *node
}

func (n *node) get(name string) *node {
	for _, f := range n.fields {
		if f.key.value == name {
			return f.value
		}
	}
	return nil
}

func (n *node) key(name string) *node {
	for _, f := range n.fields {
		if f.key.value == name {
			return f.key
		}
	}
	return n
}

func (n *node) place() string { return fmt.Sprintf("%s:%d:%d", n.file, n.line, n.col) }

// seen names this place for a message about o: its line, and its file where that is another one.
func (n *node) seen(o *node) string {
	if n.file == o.file {
		return fmt.Sprintf("line %d", n.line)
	}
	return n.place()
}

// maxDepth bounds nesting: the format needs seven levels.
const maxDepth = 20

// builder makes nodes of the library's tree and refuses what this format does not use: anchors, aliases, merge keys, tags, doubled keys.
type builder struct {
	file string
	rep  *report
}

func (b *builder) node(n ast.Node, depth int) *node {
	out := &node{file: b.file, line: 1, col: 1}
	if n == nil {
		out.kind = null
		return out
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		out.line, out.col = tk.Position.Line, tk.Position.Column
	}
	if depth > maxDepth {
		b.rep.at(out, "the format needs seven levels", "nested deeper than %d levels", maxDepth)
		out.kind, out.bad = null, true
		return out
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		b.mapping(out, v.Values, depth)
	case *ast.MappingValueNode:
		b.mapping(out, []*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		out.kind = sequence
		for _, item := range v.Values {
			out.items = append(out.items, b.node(item, depth+1))
		}
	case *ast.NullNode:
		out.kind = null
	case *ast.LiteralNode:
		out.quoted = true
		if v.Value != nil {
			out.value = v.Value.Value
		}
	case *ast.StringNode:
		out.value = v.Value
		out.quoted = v.Token != nil && (v.Token.Type == token.SingleQuoteType || v.Token.Type == token.DoubleQuoteType)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.value = strings.TrimSpace(n.GetToken().Value)
	default:
		b.rep.at(out, "write the value itself", "%s is not part of this format", strings.ToLower(n.Type().YAMLName()))
		out.kind, out.bad = null, true
	}
	return out
}

func (b *builder) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	out.kind = mapping
	for i, v := range values {
		if v == nil || v.Key == nil {
			continue
		}
		key := b.key(v)
		if i == 0 { // a map's own token is its first colon; people look for its first key
			out.line, out.col = key.line, key.col
		}
		if key.kind == null {
			continue
		}
		if first := out.get(key.value); first != nil {
			b.rep.at(key, "keep one of them", "%s is written twice, first at line %d", quote(key.value), out.key(key.value).line)
			continue
		}
		value := b.node(v.Value, depth+1)
		if value.kind == null { // the library places an empty value at the next token; its key is where people look
			value.line, value.col = key.line, key.col
		}
		out.fields = append(out.fields, field{key: key, value: value})
	}
}

func (b *builder) key(v *ast.MappingValueNode) *node {
	k := b.node(v.Key, 0)
	if v.Key.IsMergeKey() {
		k.kind = null
	}
	if k.kind != scalar {
		if k.kind != null {
			b.rep.at(k, "write a name", "a key is %s", k.kind)
		}
		k.kind = null
	}
	return k
}

// quote shows a name from a file: readable, on one line, and bounded.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}

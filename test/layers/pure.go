package layers

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What a pure room may not touch of packages that it may import.
var (
	clocks   = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}
	printers = []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"}
	// seeded is all that may be used of math/rand/v2: generators made from a seed.
	seeded = []string{"New", "NewPCG", "NewChaCha8", "Rand", "PCG", "ChaCha8", "Source", "NewZipf", "Zipf"}
)

// orderWord marks a loop over a map whose order cannot matter, with the reason behind it.
const orderWord = "order:"

// CheckPure looks at the sources of every pure package: no clock, no chance, no goroutine or channel, no I/O, no map order.
// all must hold export data (go list -export -deps) of everything that they import.
func (t Table) CheckPure(module string, ps, all []Package) []error {
	std, _ := t.exact("std", "*")
	var errs []error
	for _, p := range ps {
		rule, ok := t.Pure(p.Rel)
		if !ok {
			continue
		}
		c := pureCheck{rule: rule, allowed: append(slices.Clone(std.Names), rule.Names...), module: module, pkg: p}
		if err := c.load(all); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, f := range c.files {
			c.file(f)
		}
		errs = append(errs, c.errs...)
	}
	return errs
}

type pureCheck struct {
	rule    Rule
	allowed []string
	module  string
	pkg     Package
	fset    *token.FileSet
	files   []*ast.File
	info    *types.Info
	errs    []error
}

func (c *pureCheck) load(all []Package) error {
	c.fset = token.NewFileSet()
	for _, name := range c.pkg.GoFiles {
		f, err := parser.ParseFile(c.fset, filepath.Join(c.pkg.Dir, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		c.files = append(c.files, f)
	}
	exports := map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	lookup := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	}
	c.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(c.fset, "gc", lookup)}
	if _, err := conf.Check(c.pkg.ImportPath, c.fset, c.files, c.info); err != nil {
		return fmt.Errorf("cannot check %s: %w", c.pkg.Rel, err)
	}
	return nil
}

func (c *pureCheck) refuse(pos token.Pos, what string) {
	at := c.fset.Position(pos)
	c.errs = append(c.errs, fmt.Errorf("%s/%s:%d: %s in a pure room: %s", c.pkg.Rel, filepath.Base(at.Filename), at.Line, what, c.rule.Why))
}

func (c *pureCheck) file(f *ast.File) {
	for _, imp := range f.Imports {
		path, _ := strconv.Unquote(imp.Path.Value)
		if !strings.HasPrefix(path, c.module+"/") && !slices.Contains(c.allowed, path) {
			c.refuse(imp.Pos(), "import of "+path)
		}
	}
	marked := c.marked(f)
	sorted := map[ast.Node]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			c.refuse(n.Pos(), "goroutine")
		case *ast.SelectStmt:
			c.refuse(n.Pos(), "select")
		case *ast.SendStmt:
			c.refuse(n.Pos(), "send on a channel")
		case *ast.ChanType:
			c.refuse(n.Pos(), "channel")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				c.refuse(n.Pos(), "receive from a channel")
			}
		case *ast.RangeStmt:
			if c.overMap(n.X) && !marked[c.fset.Position(n.Pos()).Line] && !onlyDeletes(n) {
				c.refuse(n.Pos(), "loop over a map without `// "+orderWord+" why it cannot matter`")
			}
		case *ast.CallExpr:
			c.call(n, sorted)
		case *ast.Ident:
			c.name(n)
		}
		return true
	})
}

// marked finds the lines that carry the word, and the lines below a comment that does.
func (c *pureCheck) marked(f *ast.File) map[int]bool {
	lines := map[int]bool{}
	for _, g := range f.Comments {
		if strings.Contains(g.Text(), orderWord) {
			lines[c.fset.Position(g.Pos()).Line] = true
			lines[c.fset.Position(g.End()).Line+1] = true
		}
	}
	return lines
}

func (c *pureCheck) overMap(x ast.Expr) bool {
	t := c.info.TypeOf(x)
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// onlyDeletes reports whether a loop over a map does nothing but delete from it, which comes to the same in every order.
func onlyDeletes(loop *ast.RangeStmt) bool {
	from, of := types.ExprString(loop.X), loop.Body.List
	if len(of) == 1 {
		if cond, ok := of[0].(*ast.IfStmt); ok && cond.Init == nil && cond.Else == nil {
			of = cond.Body.List
		}
	}
	if len(of) != 1 {
		return false
	}
	stmt, ok := of[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := stmt.X.(*ast.CallExpr)
	return ok && types.ExprString(call.Fun) == "delete" && len(call.Args) == 2 && types.ExprString(call.Args[0]) == from
}

// call refuses iterators over maps unless they are sorted on the spot.
func (c *pureCheck) call(n *ast.CallExpr, sorted map[ast.Node]bool) {
	if c.from(n.Fun, "slices", "Sorted", "SortedFunc", "SortedStableFunc") && len(n.Args) > 0 {
		sorted[n.Args[0]] = true
	}
	if c.from(n.Fun, "maps", "Keys", "Values", "All") && !sorted[n] {
		c.refuse(n.Pos(), "map order, not sorted on the spot")
	}
}

func (c *pureCheck) from(fun ast.Expr, pkg string, names ...string) bool {
	if i, ok := fun.(*ast.IndexExpr); ok {
		fun = i.X
	}
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	o := c.info.Uses[sel.Sel]
	return o != nil && o.Pkg() != nil && o.Pkg().Path() == pkg && slices.Contains(names, o.Name())
}

func (c *pureCheck) name(n *ast.Ident) {
	o := c.info.Uses[n]
	if b, ok := o.(*types.Builtin); ok && strings.HasPrefix(b.Name(), "print") {
		c.refuse(n.Pos(), "I/O ("+b.Name()+")")
	}
	if o == nil || o.Pkg() == nil {
		return
	}
	if o.Parent() != o.Pkg().Scope() {
		return // a field or a method
	}
	switch o.Pkg().Path() {
	case "time":
		if slices.Contains(clocks, o.Name()) {
			c.refuse(n.Pos(), "clock (time."+o.Name()+")")
		}
	case "fmt":
		if slices.Contains(printers, o.Name()) {
			c.refuse(n.Pos(), "I/O (fmt."+o.Name()+")")
		}
	case "math/rand/v2":
		if !slices.Contains(seeded, o.Name()) {
			c.refuse(n.Pos(), "chance without a seed (rand."+o.Name()+")")
		}
	}
}

// Command list shows which scenarios and rules are proven, and writes the page that says by what. With ids or families as arguments it names every
// proof of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fenced-project/fenced/test/scenarios/proof"
)

func main() {
	open := flag.Bool("open", false, "print the ids without proof, one in a line, with the reason")
	require := flag.String("require", "", "families and ids (S0,S1,R13) of which nothing may be open")
	write := flag.Bool("write", false, "write "+proof.Page+" and "+proof.SidesPage)
	root := flag.String("root", ".", "the root of the project")
	flag.Parse()
	if err := run(*root, *open, *require, *write, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "list:", err)
		os.Exit(1)
	}
}

func run(root string, open bool, require string, write bool, names []string) error {
	t, err := proof.Collect(root)
	if err != nil {
		return err
	}
	if write {
		sides, err := t.SidesMarkdown(root)
		if err != nil {
			return err
		}
		for page, text := range map[string]string{proof.Page: t.Markdown(), proof.SidesPage: sides} {
			if err := os.WriteFile(filepath.Join(root, page), []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	if require != "" {
		return demand(t, strings.Split(require, ","))
	}
	if len(names) > 0 {
		return show(t, names)
	}
	for _, id := range t.IDs() {
		switch is := t.Open(id); {
		case is:
			fmt.Println(strings.TrimSpace(id + "\t" + t.Why[id]))
		case !open && !write:
			fmt.Printf("%s\t%d\n", id, len(t.Proofs[id]))
		}
	}
	return nil
}

// show prints every proof of some families or ids: id, layer, name, path, and whether it is only a part, or how many mutants it catches.
func show(t *proof.Table, names []string) error {
	for _, name := range names {
		ids, err := t.Of(name)
		if err != nil {
			return err
		}
		for _, id := range ids {
			for _, p := range t.Proofs[id] {
				what := ""
				switch {
				case p.Part:
					what = "part"
				case p.Mutants > 0:
					what = fmt.Sprintf("%d mutants", p.Mutants)
				}
				fmt.Println(strings.TrimSpace(strings.Join([]string{id, p.Layer, p.Name, p.Path, what}, "\t")))
			}
			if t.Open(id) {
				fmt.Println(strings.TrimSpace(id + "\topen\t" + t.Why[id]))
			}
		}
	}
	return nil
}

// demand fails if something of these families or ids is open, and names all of it.
func demand(t *proof.Table, names []string) error {
	var missing []string
	for _, name := range names {
		ids, err := t.Of(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if t.Open(id) {
				missing = append(missing, id)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("open: %s", strings.Join(missing, ", "))
	}
	return nil
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) nodeCommand() *cobra.Command {
	return group("node", "add, remove, rename or replace a node while the cluster runs", a.nodeAddCommand(), a.nodeRemoveCommand(), a.nodeRenameCommand(), a.nodeReplaceCommand())
}

// nodeLong is what add, remove and rename have in common.
const nodeLong = `

It shows what will change, checks it as fenced config check and the cluster do, writes the configuration files of this node, and applies them.
What is refused is not written. Then it says what is left to do on the other nodes.

Exit code: 0 committed; 1 refused by a rule, which is named; 75 somebody else changed the roster or the file meanwhile; 78 the configuration
would be wrong; 106 no quorum; 107 refused without --force; 112 the outcome is unknown: the files are written, look with fenced apply --dry-run.`

// change is one change of the configuration on its way to the roster.
type change struct {
	a      *app
	reason string
	dry    bool
	force  bool
	path   string // --config
	system string // --system-root
}

func (x *change) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&x.reason, "reason", "", "why; it stays in the history")
	cmd.Flags().BoolVar(&x.dry, "dry-run", false, "only show what would change")
	cmd.Flags().BoolVar(&x.force, "force", false, "do it although it costs quorum, or this node's file may be older than the committed roster")
	cmd.Flags().StringVar(&x.path, "config", "", "the configuration file that the daemon of this node reads (FENCED_CONFIG)")
	cmd.Flags().StringVar(&x.system, "system-root", "", "directory of a fake system; / is the real one")
}

// options are where the files are. This host need not be one of the nodes as the files are now: it may be the one that is renamed.
func (x *change) options() config.Options {
	o := x.a.find(nil)
	if x.path != "" {
		o.Path = x.path
	}
	o.AnyNode, o.SystemRoot = true, x.system
	return o
}

// run shows an edit, writes it and applies it. confirm, if not nil, is asked in between.
func (x *change) run(ctx context.Context, e config.Edit, confirm func() error) error {
	o := x.options()
	o.Overlay = e.Files
	fresh, problems := config.Load(o)
	for _, p := range problems.Warnings() {
		x.a.say("%s", p)
	}
	if fresh == nil {
		return problems
	}
	roster, err := json.Marshal(fresh.Roster)
	if err != nil {
		return err
	}
	c := x.a.client()
	defer c.Close()
	plan, err := x.apply(ctx, c, client.Apply{DryRun: true, Force: x.force, Roster: roster})
	if err != nil {
		return err
	}
	if x.dry || len(plan.BlockedBy) > 0 {
		x.a.show(plan, func(w io.Writer) { x.planText(w, e, plan) })
		return code(firstBlock(plan))
	}
	if x.a.format != formatJSON {
		for _, words := range e.Words {
			fmt.Fprintf(x.a.err, "  %s\n", words)
		}
		changesText(x.a.err, plan)
	}
	if confirm != nil {
		if err := confirm(); err != nil {
			return err
		}
	}
	return x.writeAndApply(ctx, c, e, plan.Hash)
}

func (x *change) planText(w io.Writer, e config.Edit, plan client.Applied) {
	for _, words := range e.Words {
		fmt.Fprintf(w, "  %s\n", words)
	}
	changesText(w, plan)
	fmt.Fprintln(w, "nothing was written and nothing applied")
	todoText(w, plan)
}

func (x *change) apply(ctx context.Context, c *client.Client, q client.Apply) (client.Applied, error) {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	return c.Apply(ctx, q)
}

// writeAndApply writes the files and applies them; where that is refused they are as before. An outcome that is unknown leaves them written:
// if it was committed after all, they are right.
func (x *change) writeAndApply(ctx context.Context, c *client.Client, e config.Edit, hash string) error {
	undo, err := write(e)
	if err != nil {
		return errors.Join(err, undo())
	}
	r, err := x.apply(ctx, c, client.Apply{Reason: x.reason, Force: x.force, Hash: hash})
	if err != nil {
		if client.CodeOf(err) == client.CodeUnknown {
			return err
		}
		return errors.Join(err, undo())
	}
	x.a.show(r, func(w io.Writer) {
		fmt.Fprintf(w, "roster %d (%s) is committed with %s\n", r.Version, r.Hash, plural(len(r.Changes), "change", "changes"))
		todoText(w, r)
	})
	return nil
}

// write replaces files as a whole, one after the other; undo puts back what was there.
func write(e config.Edit) (undo func() error, err error) {
	var back []func() error
	undo = func() error {
		var errs []error
		for _, f := range slices.Backward(back) {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	var paths []string
	for path := range e.Files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		restore, err := writeOne(path, e.Files[path])
		if err != nil {
			return undo, fmt.Errorf("cannot write %s: %w", path, err)
		}
		back = append(back, restore)
	}
	return undo, nil
}

func writeOne(path string, text []byte) (restore func() error, err error) {
	old, err := os.ReadFile(path)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return nil, err
	}
	like := path
	if absent {
		if err := os.Mkdir(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		like = filepath.Dir(path)
	}
	if text == nil {
		return func() error { return replaceFile(path, old, filepath.Dir(path)) }, os.Remove(path)
	}
	if err := replaceFile(path, text, like); err != nil {
		return nil, err
	}
	if absent {
		return func() error { return os.Remove(path) }, nil
	}
	return func() error { return replaceFile(path, old, path) }, nil
}

// replaceFile writes beside the file and renames: a reader sees the old or the new one. Its group and mode are those of like; who may read a
// directory's files but not list others' gets no more by it.
func replaceFile(path string, text []byte, like string) error {
	mode, group := fs.FileMode(0o640), -1
	if info, err := os.Stat(like); err == nil {
		if info.Mode().IsRegular() {
			mode = info.Mode().Perm()
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			group = int(s.Gid)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fenced-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Chown(-1, group), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

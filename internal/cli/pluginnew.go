package cli

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"

	"github.com/fenced-project/fenced/client"
)

// skeleton is a plugin that works and its test; the name of the plugin in it is strip, and that word stands for nothing else.
// docs/tutorial/write-a-plugin.md shows main.go, and test/foreign follows that page.
//
//go:embed skeleton
var skeleton embed.FS

const skeletonName = "strip"

// sdkModule is what a plugin in Go imports.
const sdkModule = "github.com/fenced-project/fenced"

var pluginName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// written is `fenced plugin new -o json`.
type written struct {
	API   string              `json:"api"`
	Dir   string              `json:"dir"`
	Files client.List[string] `json:"files"`
}

func (a *app) pluginNewCommand() *cobra.Command {
	var dir, sdk, module string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "begin a plugin: a program that works with a pretended device, and its test",
		Long: `Writes a module with main.go, main_test.go and go.mod into a new directory. What it writes compiles and passes its test; put your device in the
place of its method call. docs/tutorial/write-a-plugin.md goes on from there.`,
		Args: words(1, 1, "one NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			if !pluginName.MatchString(name) {
				return usage("%q cannot be the name of a plugin: it is of a-z, 0-9 and -, at most 64", name)
			}
			if dir == "" {
				dir = name
			}
			if module == "" {
				module = "example.com/fenced-plugin-" + name
			}
			files, err := pluginSkeleton(name, module, sdk, a.deps.Version)
			if err != nil {
				return err
			}
			if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // sources
				return fmt.Errorf("cannot begin a plugin: %w", err)
			}
			doc := written{API: client.API, Dir: dir}
			for _, f := range files {
				path := filepath.Join(dir, f.name)
				if err := os.WriteFile(path, f.text, 0o644); err != nil { //nolint:gosec // sources
					return fmt.Errorf("cannot begin a plugin: %w", err)
				}
				doc.Files = append(doc.Files, path)
			}
			a.show(doc, func(w io.Writer) { writtenText(w, name, doc) })
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the new directory (default: NAME)")
	cmd.Flags().StringVar(&sdk, "sdk", "", "a checkout of fenced to build against, instead of a published version")
	cmd.Flags().StringVar(&module, "module", "", "the module's path (default: example.com/fenced-plugin-NAME)")
	return cmd
}

func writtenText(w io.Writer, name string, doc written) {
	for _, f := range doc.Files {
		fmt.Fprintln(w, f)
	}
	tidy := ""
	if !slices.ContainsFunc(doc.Files, func(f string) bool { return filepath.Base(f) == "go.sum" }) {
		tidy = "go mod tidy && "
	}
	fmt.Fprintf(w, "next: cd %s && %sgo test . && go build -o fenced-plugin-%s . && fenced plugin test ./fenced-plugin-%s\n", doc.Dir, tidy, name, name)
}

type file struct {
	name string
	text []byte
}

// pluginSkeleton is what is written, in memory.
func pluginSkeleton(name, module, sdk, version string) ([]file, error) {
	var out []file
	for _, f := range []string{"main.go", "main_test.go"} {
		text, err := skeleton.ReadFile("skeleton/" + f + ".txt")
		if err != nil {
			return nil, err
		}
		out = append(out, file{f, []byte(strings.ReplaceAll(string(text), skeletonName, name))})
	}
	mod := &modfile.File{}
	if err := mod.AddModuleStmt(module); err != nil {
		return nil, usage("--module: %v", err)
	}
	if sdk == "" {
		err := mod.AddGoStmt(strings.TrimPrefix(strings.Fields(runtime.Version())[0], "go"))
		if err == nil && published.MatchString(version) {
			err = mod.AddRequire(sdkModule, version)
		}
		if err != nil {
			return nil, err
		}
		return append(out, file{"go.mod", modfile.Format(mod.Syntax)}), nil
	}
	sums, err := checkout(mod, sdk)
	if err != nil {
		return nil, err
	}
	return append(out, file{"go.mod", modfile.Format(mod.Syntax)}, file{"go.sum", sums}), nil
}

// published are the versions that a module proxy has.
var published = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+$`)

// checkout makes mod build against the sources of fenced in a directory, with exactly the modules that it has there, and returns their sums: nothing
// else is fetched.
func checkout(mod *modfile.File, sdk string) ([]byte, error) {
	path, err := filepath.EvalSymlinks(sdk)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find a checkout of fenced: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(path, "go.mod"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("%s is no checkout of fenced: it has no go.mod", sdk)
	}
	sums, serr := os.ReadFile(filepath.Join(path, "go.sum"))
	theirs, perr := modfile.Parse(filepath.Join(sdk, "go.mod"), text, nil)
	if err := errors.Join(err, serr, perr); err != nil {
		return nil, fmt.Errorf("cannot read the checkout of fenced: %w", err)
	}
	if theirs.Module == nil || theirs.Module.Mod.Path != sdkModule || theirs.Go == nil {
		return nil, usage("%s is no checkout of fenced: its go.mod is not that of %s", sdk, sdkModule)
	}
	errs := []error{mod.AddGoStmt(theirs.Go.Version), mod.AddRequire(sdkModule, "v0.0.0"), mod.AddReplace(sdkModule, "", path, "")}
	for _, r := range theirs.Require {
		mod.AddNewRequire(r.Mod.Path, r.Mod.Version, true)
	}
	return sums, errors.Join(errs...)
}

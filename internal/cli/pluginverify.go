package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) pluginVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [NAME|PATH…]",
		Short: "may these plugins be run: owner, mode, checksum, protocol; without names all that are installed",
		Long: `Looks at each file as the daemon does before each start: it and the way to it belong to root and nobody else can write them, its SHA-256 sum is
the one of the configuration where that names one, it starts, and speaks a version of the plugin protocol that this fenced speaks. The sum
that is printed is what ` + "`plugins: NAME: sha256`" + ` may demand. No device is touched.

Of a NAME it is the file that a daemon would run, the highest version that can be; where none can be, all of them. NAME@VERSION and a PATH
are that file, whether it would be run or not; so is each without a name.

Exit code: 0 all may be run; 1 one may not; 105 there is no such file.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			o := a.find(cmd.Flags())
			if o.PluginDir == "" {
				o.PluginDir = config.DefaultPluginDir
			}
			sums, err := a.checksums(o)
			if err != nil {
				return err
			}
			files, err := a.pluginFiles(ctx, o.PluginDir, args, sums)
			if err != nil {
				return err
			}
			doc := client.PluginChecks{API: client.API}
			for _, f := range files {
				one, cancel := context.WithTimeout(ctx, queryTimeout)
				doc.Plugins = append(doc.Plugins, a.deps.VerifyPlugin(one, f, sums[pluginOf(f)]))
				cancel()
			}
			a.show(doc, func(w io.Writer) { checksText(w, doc) })
			if slices.ContainsFunc(doc.Plugins, func(c client.PluginCheck) bool { return c.Error != "" }) {
				return silent(client.CodeError)
			}
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

// checksums are those that the configuration demands, by plugin. Where there is no configuration there are none, and that is said.
func (a *app) checksums(o config.Options) (map[string]string, error) {
	o.AnyNode, o.NoSecrets = true, true
	o.Path = cmp.Or(o.Path, config.DefaultPath)
	if _, err := os.Stat(o.Path); errors.Is(err, fs.ErrNotExist) {
		a.say("there is no %s: checksums are compared with nothing", o.Path)
		return nil, nil
	}
	c, problems := config.Load(o)
	if problems.Fatal() {
		return nil, problems
	}
	sums := map[string]string{}
	for _, p := range c.Plugins {
		sums[p.Name] = p.SHA256
	}
	return sums, nil
}

// pluginFiles are the named ones, or all of the directory. Of a plugin that may be installed in several versions it is the one that is used.
func (a *app) pluginFiles(ctx context.Context, dir string, names []string, sums map[string]string) ([]string, error) {
	var out []string
	for _, n := range names {
		path := executable(dir, n)
		if strings.ContainsAny(n, "@/") {
			if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
				return nil, client.Errorf(client.CodeNoSuch, "there is no %s", path)
			}
			out = append(out, path)
			continue
		}
		one, cancel := context.WithTimeout(ctx, queryTimeout)
		used, err := a.deps.UsedPlugin(one, dir, pluginOf(path), sums[pluginOf(path)])
		cancel()
		switch {
		case err != nil:
			return nil, err
		case len(used) == 0:
			return nil, client.Errorf(client.CodeNoSuch, "there is no %s", path)
		}
		out = append(out, used...)
	}
	if len(names) > 0 {
		return out, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list plugins: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), pluginPrefix) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}

// pluginOf is the plugin that a file is of: fenced-plugin-NAME or fenced-plugin-NAME@VERSION.
func pluginOf(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), pluginPrefix), "@")
	return name
}

func checksText(w io.Writer, doc client.PluginChecks) {
	if len(doc.Plugins) == 0 {
		fmt.Fprintln(w, "no plugin is installed")
		return
	}
	t := &table{}
	t.add("PLUGIN", "VERSION", "PROTOCOL", "SHA256", "")
	for _, p := range doc.Plugins {
		text := "may be run, its checksum is not demanded: " + p.Path
		switch {
		case p.Error != "":
			text = "MUST NOT RUN: " + p.Error
		case p.Checked:
			text = "may be run, it is the file that the configuration means: " + p.Path
		}
		t.add(p.Name, orDash(p.Version), number(p.Protocol), orDash(p.SHA256), text)
	}
	t.write(w, false, "")
}

package product

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// EnvBuild names a directory with the built product.
const EnvBuild = "FENCED_TEST_BUILD"

// Dir returns the directory with the product of this module: fenced, fenced-watchdog, fenced-dev and plugins/. It builds at most once in a
// process. Tests that spoil what is in it take a Copy.
func Dir() (string, error) {
	if dir := os.Getenv(EnvBuild); dir != "" {
		return filepath.Abs(dir)
	}
	return built()
}

var built = sync.OnceValues(func() (string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	return Source{Root: root}.Build()
})

// ModuleRoot is the directory of go.mod.
func ModuleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || mod == "" || mod == os.DevNull {
		return "", errors.New("cannot find go.mod: run it inside the module")
	}
	return filepath.Dir(mod), nil
}

// Copy puts a copy of the product into dir, which must exist. Everything in it may be spoiled.
func Copy(dir string) error {
	from, err := Dir()
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // a plugin's directory is looked at like the plugin
		return err
	}
	files, err := files(from)
	if err != nil {
		return err
	}
	return copyTo(from, dir, files)
}

// files are the programs of a product, relative to its directory.
func files(dir string) ([]string, error) {
	plugins, err := filepath.Glob(filepath.Join(dir, "plugins", "fenced-plugin-*"))
	if err != nil {
		return nil, err
	}
	out := []string{"fenced", "fenced-watchdog", "fenced-dev"}
	for _, p := range plugins {
		out = append(out, filepath.Join("plugins", filepath.Base(p)))
	}
	return out, nil
}

func copyTo(from, to string, files []string) error {
	if err := os.MkdirAll(filepath.Join(to, "plugins"), 0o755); err != nil {
		return err
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f), b, 0o755)
		}
		if err != nil {
			return fmt.Errorf("cannot copy %s: %w", f, err)
		}
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/plugins/trust"
)

// directory is where distributions put fence agents.
const directory = "/usr/sbin"

// locate returns the path of an agent that may be run (V15); one that is not there is Unsupported. The path keeps its name: what an agent does may depend on it.
func locate(name string) (string, error) {
	path := name
	if !strings.ContainsRune(name, filepath.Separator) {
		path = filepath.Join(directory, name)
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is no absolute path", name)
	}
	path = filepath.Clean(path)
	if !strings.HasPrefix(filepath.Base(path), "fence_") {
		return "", fmt.Errorf("%q is no fence agent: its name does not begin with fence_", name)
	}
	if _, err := trust.Program(path); err != nil {
		err = fmt.Errorf("cannot use agent %s: %w", name, err)
		if errors.Is(err, fs.ErrNotExist) {
			return "", sdk.Unsupported(err)
		}
		return "", err
	}
	return path, nil
}

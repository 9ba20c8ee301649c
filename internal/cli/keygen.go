package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

const (
	defaultAuthkey = "/etc/fenced/authkey"
	keyBytes       = 32
)

func (a *app) keygenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen [FILE]",
		Short: "write a new cluster key to FILE (" + defaultAuthkey + "), never over an old one",
		Args:  words(0, 1, "at most one FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := defaultAuthkey
			if len(args) == 1 {
				path = args[0]
			}
			if err := writeKey(path); err != nil {
				return err
			}
			a.show(struct {
				API  string `json:"api"`
				Path string `json:"path"`
			}{client.API, path}, func(w io.Writer) { fmt.Fprintf(w, "%s: new key, mode 0600\n", path) })
			a.say("next: copy it to every node of the cluster, by a way that keeps it secret")
			return nil
		},
	}
}

// writeKey makes the file whole or not at all. A key that exists is the identity of a cluster: it is never overwritten.
func writeKey(path string) error {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails: crypto/rand crashes the program instead
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	f, err := os.CreateTemp(filepath.Dir(path), ".authkey-*") // mode 0600
	if err != nil {
		return fmt.Errorf("cannot write key: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the name is gone or it is the leftover of a failure that is told
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("cannot write key %s: %w", path, err)
	}
	// A link, unlike a rename, refuses a name that is taken.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot write key %s: it exists, and a key is never overwritten", path)
	} else if err != nil {
		return fmt.Errorf("cannot write key %s: %w", path, err)
	}
	return nil
}

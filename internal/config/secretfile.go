package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	credentials = "${CREDENTIALS_DIRECTORY}"
	maxSecret   = 4096
	keyBytes    = 32
)

// secretWords are options that are secrets whatever the plugin; each may be given as WORD_file only, also with a prefix (auth_password_file).
var secretWords = []string{"password", "passwd", "passphrase", "token", "community", "secret", "secret_key", "access_key", "api_key", "apikey", "tlskey"}

func secretName(name string) bool {
	for _, w := range secretWords {
		if name == w || strings.HasSuffix(name, "_"+w) {
			return true
		}
	}
	return false
}

// secretFileOf returns the option that a NAME_file field fills, if NAME is a secret; others, such as ca_file, are options like any.
func secretFileOf(field string) (string, bool) {
	name, ok := strings.CutSuffix(field, "_file")
	return name, ok && secretName(name)
}

// secret reads one secret of a device from the file that v names.
func (l *loader) secret(d *deviceEntry, name string, v *node) {
	if _, twice := d.dev.Secrets[name]; twice {
		l.rep.at(v, "keep one of them", "secret %s of device %s is given twice", quote(name), d.Name)
		return
	}
	d.dev.Secrets[name] = Secret{}
	if v.kind != scalar || strings.TrimSpace(v.value) == "" {
		l.rep.at(v, "write the path of a file that holds it", "secret %s of device %s must be a path, not %s", quote(name), d.Name, v.kind)
		return
	}
	path, why := l.secretPath(v)
	if why != "" {
		l.rep.at(v, why, "secret %s of device %s has no readable path", quote(name), d.Name)
		return
	}
	if l.o.NoSecrets {
		return
	}
	s, err := readSecret(path, 0o007)
	if err != nil {
		l.rep.at(v, secretRemedy(err, path), "cannot read secret %s of device %s from %s: %s", quote(name), d.Name, shownPath(v, path, err), cause(err))
		return
	}
	d.dev.Secrets[name] = s
}

// secretPath resolves ${CREDENTIALS_DIRECTORY}, which systemd sets for LoadCredential=, and paths relative to the file they stand in.
func (l *loader) secretPath(v *node) (path, remedy string) {
	path = strings.TrimSpace(v.value)
	if rest, ok := strings.CutPrefix(path, credentials); ok {
		dir := lookup(l.o.Env, "CREDENTIALS_DIRECTORY")
		switch {
		case dir != "":
			path = dir + rest
		case l.o.NoSecrets:
		default:
			return "", "CREDENTIALS_DIRECTORY is not set: use LoadCredential= in the unit, or write a plain path"
		}
	}
	if strings.Contains(path, "${") {
		return "", "only " + credentials + " is replaced in a path"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(v.file), path)
	}
	return path, ""
}

var errOpenSecret = errors.New("others may use it")

// readSecret reads a secret of one line or block; one line end at its end is not part of it. Nobody may have a permission in mask.
func readSecret(path string, mask os.FileMode) (Secret, error) {
	info, err := os.Stat(path) // before opening: a pipe would block
	if err != nil {
		return Secret{}, err
	}
	if !info.Mode().IsRegular() {
		return Secret{}, errors.New("it is not a plain file")
	}
	if info.Mode().Perm()&mask != 0 {
		return Secret{}, fmt.Errorf("%w (mode %04o)", errOpenSecret, info.Mode().Perm())
	}
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return Secret{}, err
	case len(b) > maxSecret:
		return Secret{}, fmt.Errorf("it is longer than %d bytes", maxSecret)
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if s == "" {
		return Secret{}, errors.New("it is empty")
	}
	return NewSecret(s), nil
}

// shownPath is what a message may say of a secret's path. Where nothing is there and it does not begin like a path, it may well be the secret
// itself, written where its file's name belongs (V19): the message says the line, that is enough.
func shownPath(v *node, path string, err error) string {
	text := strings.TrimSpace(v.value)
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENAMETOOLONG) && !errors.Is(err, syscall.ENOTDIR) {
		return path
	}
	if !filepath.IsAbs(text) && !strings.HasPrefix(text, credentials) && text != "authkey" {
		return "the file named here (not shown: it may be the secret itself)"
	}
	return path
}

func secretRemedy(err error, path string) string {
	switch {
	case errors.Is(err, errOpenSecret):
		return "chmod 0600 " + path
	case errors.Is(err, os.ErrNotExist):
		return "write it there, mode 0600"
	case errors.Is(err, os.ErrPermission):
		return "run as root"
	}
	return "write the secret alone into a plain file, mode 0600"
}

// readAuthkey finds the cluster's key, 32 bytes in base64; by default it lies beside the main file.
func (l *loader) readAuthkey(top reader) {
	at := top.n.get("authkey")
	if at == nil && l.ring.ours {
		return // corosync has a key of its own
	}
	if at == nil {
		at = &node{file: l.root.file, line: 1, col: 1, value: "authkey"}
	} else if _, ok := top.text("authkey"); !ok {
		return
	}
	path, why := l.secretPath(at)
	if why != "" {
		l.rep.at(at, why, "authkey has no readable path")
		return
	}
	l.cfg.Authkey = path
	if l.o.NoSecrets {
		return
	}
	s, err := readSecret(path, 0o077) // INTERFACES.md: 0600; whoever has it is a node
	if err != nil {
		remedy := secretRemedy(err, path)
		if errors.Is(err, os.ErrNotExist) {
			remedy = "make one with `fenced keygen` and copy it to every node"
		}
		l.rep.at(at, remedy, "cannot read authkey from %s: %s", shownPath(at, path, err), cause(err))
		return
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s.Reveal()))
	if err != nil || len(key) != keyBytes {
		l.rep.at(at, "make one with `fenced keygen`", "authkey %s does not hold %d bytes in base64", path, keyBytes)
		return
	}
	l.cfg.Key = NewSecret(string(key))
}

package config

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// room is a directory with a configuration, a key, a password and an empty fake system.
type room struct {
	t   *testing.T
	dir string
}

func newRoom(t *testing.T) room {
	t.Helper()
	r := room{t: t, dir: t.TempDir()}
	r.write("authkey", base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))+"\n", 0o600)
	r.write("secret", "hunter2\n", 0o600)
	r.write("root/sys/.here", "", 0o644)
	return r
}

func (r room) path(name string) string { return filepath.Join(r.dir, name) }

func (r room) write(name, text string, mode os.FileMode) {
	r.t.Helper()
	p := r.path(name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil { // whatever the umask is
		r.t.Fatal(err)
	}
}

func (r room) options() Options {
	return Options{Path: r.path("fenced.yaml"), SystemRoot: r.path("root"), Node: "n1"}
}

// load writes the text as the main file and loads it.
func (r room) load(text string) (*Config, Problems) {
	r.t.Helper()
	r.write("fenced.yaml", text, 0o640)
	return Load(r.options())
}

// text is the problems as `config check` prints them, with the room's directory taken out.
func (r room) text(ps Problems) string {
	s := strings.ReplaceAll(ps.Error(), r.dir+"/", "")
	return s
}

// good is a small configuration without a mistake.
const good = `cluster: c
authkey: authkey
membership:
  provider: embedded
nodes:
  n1:
    id: 1
    address: 10.0.0.1
    levels: [bmc]
    devices:
      bmc: {plugin: bmc, address: 10.0.9.1, username: u, password_file: secret}
  n2:
    id: 2
    address: 10.0.0.2:7000
    levels: [{device: pdu, target: "2"}]
  n3:
    id: 3
    address: 10.0.0.3
    levels: [[{device: pdu, target: "3"}], {ask: human}]
devices:
  pdu:
    plugin: pdu
    address: 10.0.9.100
    community_file: secret
`

// change replaces the one place where old stands in good.
func change(t *testing.T, old, new string) string {
	t.Helper()
	if strings.Count(good, old) != 1 {
		t.Fatalf("%q stands %d times in the fixture", old, strings.Count(good, old))
	}
	return strings.Replace(good, old, new, 1)
}

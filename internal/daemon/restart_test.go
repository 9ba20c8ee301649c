package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/store"
	"github.com/fenced-project/fenced/residual"
)

// R26: what a daemon leaves for the next one of its boot is found whole, and by no other boot.
func TestTheNextDaemonFindsTheRestart(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Dir(SessionPath(dir, "a")), 0o700); err != nil {
		t.Fatal(err)
	}
	r := member.RestartRecord{Nonce: "n", UntilMS: 7, Print: "p", Cores: `"a.service" "1"` + "\n"}
	if err := newSessionFiles(dir, "a").save(member.Session{State: member.SessionStateful, Boot: "a", Instance: "i", Restart: r}); err != nil {
		t.Fatal(err)
	}
	for boot, want := range map[string]member.RestartRecord{"a": r, "b": {}} {
		got := restartRecord(residual.Options{Boot: boot, Session: func() ([]byte, error) { return store.Read(SessionPath(dir, "a")) }})
		if got != want {
			t.Errorf("boot %s: %+v", boot, got)
		}
	}
}

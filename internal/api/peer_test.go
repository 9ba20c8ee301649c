package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/fenced-project/fenced/client"
)

const stranger = 54321

// as connects as another user: SO_PEERCRED shows the credentials of the thread that connected, so one thread changes its own and dies.
func as(t *testing.T, path string, uid, gid uint32, groups ...uint32) (net.Conn, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
			t.Fatal("SKIP peer credentials: needs root")
		}
		t.Skip("SKIP peer credentials: needs root")
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()                              // and never unlocked: the thread ends with this goroutine
		list := append(append([]uint32(nil), groups...), 0) // never empty, to have an address
		for _, call := range [][4]uintptr{
			{syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0])), 0},
			{syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
			{syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, errno := syscall.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- result{nil, errno}
				return
			}
		}
		conn, err := net.Dial("unix", path)
		done <- result{conn, err}
	}()
	r := <-done
	if r.err == nil {
		t.Cleanup(func() { _ = r.conn.Close() })
	}
	return r.conn, r.err
}

// asks sends one request on a connection and returns the exit code of the answer.
func asks(t *testing.T, conn net.Conn, method, url, body string) client.Code {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(slow(10 * time.Second)))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: fenced\r\nContent-Length: %d\r\n\r\n%s", method, url, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var e client.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e.Code
}

const (
	question = "/v1/status"
	act      = "/v1/arm"
	armBody  = `{"armed":true}`
)

// Who may do what, by the kernel's word: the group of the process, its supplementary groups, and nobody's own claim.
func TestWhoMayDoWhat(t *testing.T) {
	// "daemon" and "bin" stand for the configured groups; every Debian has them.
	acting, reading := groupID(t, "daemon"), groupID(t, "bin")
	for _, x := range []struct {
		name      string
		config    Config
		uid, gid  uint32
		groups    []uint32
		read, act client.Code
	}{
		{"root", Config{}, 0, 0, nil, 0, 0},
		{"stranger", Config{Group: "daemon"}, stranger, stranger, nil, 77, 77},
		{"primary group", Config{Group: "daemon"}, stranger, acting, nil, 0, 0},
		{"supplementary group", Config{Group: "daemon"}, stranger, stranger, []uint32{7, acting, 9}, 0, 0},
		{"another group", Config{Group: "daemon"}, stranger, stranger, []uint32{7, 9}, 77, 77},
		{"readers all", Config{Group: "daemon", Readers: ReadersAll}, stranger, stranger, nil, 0, 77},
		{"readers group", Config{Group: "daemon", Readers: "bin"}, stranger, stranger, []uint32{reading}, 0, 77},
		{"not of the readers", Config{Group: "daemon", Readers: "bin"}, stranger, stranger, nil, 77, 77},
		{"no such group", Config{Group: "no-such-group", Readers: "no-such-group"}, stranger, stranger, []uint32{acting}, 77, 77},
		{"more groups than the first guess", Config{Group: "daemon"}, stranger, stranger, append(many(100), acting), 0, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := start(t, x.config, 0, nil)
			if err := os.Chmod(r.path, 0o666); err != nil { // the mode is only the outer fence
				t.Fatal(err)
			}
			conn, err := as(t, r.path, x.uid, x.gid, x.groups...)
			if err != nil {
				t.Fatal(err)
			}
			if got := asks(t, conn, "GET", question, ""); got != x.read {
				t.Errorf("reading has code %d, want %d", got, x.read)
			}
			if got := asks(t, conn, "POST", act, armBody); got != x.act {
				t.Errorf("acting has code %d, want %d", got, x.act)
			}
			// A plan that logs in to devices is no mere reading.
			if got := asks(t, conn, "GET", "/v1/plan?node=a&read=true", ""); got != x.act {
				t.Errorf("reading devices has code %d, want %d", got, x.act)
			}
			for _, q := range [][3]string{{"POST", "/v1/clients", `{"name":"a"}`}, {"DELETE", "/v1/clients/1", ""}} {
				if x.act == 0 {
					continue // the answer has no end
				}
				if got := asks(t, conn, q[0], q[1], q[2]); got != x.act {
					t.Errorf("%s %s has code %d, want %d", q[0], q[1], got, x.act)
				}
			}
			if got := fmt.Sprintf("%T", r.node.last()); x.act != 0 && strings.Contains(got, "ArmArgs") {
				t.Errorf("the node was asked: %s", got)
			}
		})
	}
}

func many(n int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(70000 + i)
	}
	return out
}

func groupID(t *testing.T, name string) uint32 {
	t.Helper()
	id, err := lookupGroup(name)
	if err != nil || id < 0 {
		t.Fatalf("group %s: %d %v", name, id, err)
	}
	return uint32(id)
}

// Strangers cannot use up the connections of those who act.
func TestStrangersCannotLockOutRoot(t *testing.T) {
	r := start(t, Config{Readers: ReadersAll}, 0, nil)
	full := 0
	for range maxUserConns + 2 {
		conn, err := as(t, r.path, stranger, stranger)
		if err != nil {
			t.Fatal(err)
		}
		if asks(t, conn, "GET", question, "") == client.CodeTryAgain {
			full++
		}
	}
	if full != 2 {
		t.Errorf("%d of %d connections of one stranger were refused, want 2", full, maxUserConns+2)
	}
	if _, err := r.client(t).Arm(t.Context(), client.Arm{Armed: true}); err != nil {
		t.Errorf("root: %v", err)
	}
}

package playground

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/client"
)

// verbTime bounds one command to a running playground; the slowest is stop, which ends every process.
const verbTime = 20 * time.Second

// errNoPlayground: nothing answers at the well-known place.
var errNoPlayground = client.Errorf(client.CodeUnreachable, "no playground runs here: start one with `fenced dev` in another terminal")

// controlDir is the well-known place, private to the user: $XDG_RUNTIME_DIR/fenced-dev, else /tmp/fenced-dev-UID.
func controlDir() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "fenced-dev")
	}
	return filepath.Join("/tmp", "fenced-dev-"+strconv.Itoa(os.Getuid()))
}

// answer is what a playground says to one command. Code is the exit code of the command.
type answer struct {
	Text  string  `json:"text,omitempty"`
	Error string  `json:"error,omitempty"`
	Code  int     `json:"code,omitempty"`
	State *Status `json:"status,omitempty"`
}

// doer carries out one command of another terminal.
type doer func(ctx context.Context, verb, node string) answer

// control is the playground's own socket.
type control struct {
	path   string
	server *http.Server
	ended  chan struct{}
}

// listenControl opens the socket. A second playground of the same user is refused; a socket that nobody serves is replaced.
func listenControl(do doer) (*control, error) {
	dir := controlDir()
	if err := privateDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		conn, alive := net.DialTimeout("unix", path, time.Second)
		if alive == nil {
			_ = conn.Close()
			return nil, errors.New("a playground runs already: look at it with `fenced dev status`, end it with `fenced dev stop`")
		}
		_ = os.Remove(path)
		if l, err = net.Listen("unix", path); err != nil {
			return nil, fmt.Errorf("cannot open the playground's socket: %w", err)
		}
	}
	c := &control{path: path, ended: make(chan struct{})}
	c.server = &http.Server{Handler: handler(do), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(c.ended)
		_ = c.server.Serve(l)
	}()
	return c, nil
}

// privateDir makes a directory that only we can enter, and refuses one that somebody else prepared for us in /tmp.
func privateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make %s: %w", dir, err)
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !st.IsDir() || ownerOf(st) != os.Getuid() || st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a directory that only you can enter: remove it", dir)
	}
	return nil
}

func handler(do doer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{verb}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), verbTime)
		defer cancel()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(do(ctx, r.PathValue("verb"), r.URL.Query().Get("node")))
	})
	return mux
}

// close ends the socket, letting an answer under way (that of stop) go out.
func (c *control) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		_ = c.server.Close()
	}
	<-c.ended
	_ = os.Remove(c.path)
	_ = os.Remove(filepath.Dir(c.path)) // only where it is empty
}

// askPlayground sends one command to the running playground of this user.
func askPlayground(ctx context.Context, verb, node string) (answer, error) {
	path := filepath.Join(controlDir(), "control.sock")
	hc := &http.Client{Timeout: verbTime + 2*time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://playground/"+verb+"?node="+url.QueryEscape(node), nil)
	if err != nil {
		return answer{}, err
	}
	resp, err := hc.Do(req)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return answer{}, errNoPlayground
		}
		return answer{}, fmt.Errorf("cannot ask the playground: %w", err)
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&a); err != nil {
		return answer{}, fmt.Errorf("cannot read the playground's answer: %w", err)
	}
	return a, nil
}

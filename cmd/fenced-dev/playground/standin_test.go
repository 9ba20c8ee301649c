package playground

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
)

// standInDaemon is a fenced that decides nothing: it answers what Start asks, so that the machinery can be tested without the product.
// Who is a member is who answers on its socket; the life is what the fake system says. It emits one event, about itself.
func standInDaemon(args []string) int {
	flag := func(name string) string {
		for i, a := range args {
			if a == name && i+1 < len(args) {
				return args[i+1]
			}
		}
		return ""
	}
	run, self := flag("--run-dir"), flag("--node")
	cluster := filepath.Dir(filepath.Dir(flag("--system-root"))) // CLUSTER/NODE/root
	l, err := net.Listen("unix", filepath.Join(run, "fenced.sock"))
	if err != nil {
		return 1
	}
	armed := filepath.Join(cluster, "armed")
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		_, err := os.Stat(armed)
		s := client.Status{Node: self, Quorate: true, Armed: err == nil}
		dirs, _ := filepath.Glob(filepath.Join(cluster, "node-*"))
		for i, d := range dirs {
			n := client.Node{Name: filepath.Base(d), ID: uint32(i + 1), State: client.StateAbsent}
			boot, _ := os.ReadFile(filepath.Join(d, "root/proc/sys/kernel/random/boot_id"))
			n.BootID = strings.TrimSpace(string(boot))
			if c, err := net.DialTimeout("unix", filepath.Join(d, "run/fenced.sock"), time.Second); err == nil {
				c.Close()
				n.State = client.StateMember
			}
			s.Nodes = append(s.Nodes, n)
		}
		say(w, s)
	})
	mux.HandleFunc("POST /v1/bootstrap", func(w http.ResponseWriter, _ *http.Request) { say(w, client.Bootstrapped{Domain: "d"}) })
	mux.HandleFunc("POST /v1/arm", func(w http.ResponseWriter, _ *http.Request) {
		_ = os.WriteFile(armed, nil, 0o600)
		say(w, client.Committed{Index: 1})
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("from"))
		stream := "s" + strconv.Itoa(os.Getpid())
		if s := r.URL.Query().Get("stream"); s != "" && s != stream {
			from = 0
		}
		w.Header().Set(client.HeaderStream, stream)
		w.Header().Set(client.HeaderSeq, strconv.Itoa(from))
		if from == 0 {
			say(w, client.Event{Seq: 1, Event: client.EventClean, Node: self, By: self, Stream: stream})
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	return map[bool]int{true: 0, false: 1}[http.Serve(l, mux) == nil]
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/client"
)

// A program that holds shared state asks who is being fenced and then waits for the release. In a real program the socket is
// client.DefaultSocket and somebody else runs the daemon.
func Example() {
	socket, stop := daemon()
	defer stop()
	c := client.New(socket, "my-database")
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	status, err := c.Status(ctx)
	if err != nil {
		fmt.Println("exit code", client.CodeOf(err))
		return
	}
	for _, o := range status.Operations {
		fmt.Println("being fenced:", o.Victim)
	}
	// From the status on, nothing is missed.
	for e, err := range c.Watch(ctx, client.WatchFrom{Seq: status.Seq, Stream: status.Stream}) {
		var gap *client.GapError
		switch {
		case errors.As(err, &gap):
			fmt.Println("missed something, ask for the status again")
		case err != nil:
			fmt.Println("trying again:", err)
		case e.Event == client.EventRelease:
			fmt.Println("may recover from", e.Node+":", e.Verdict+",", e.Evidence.Kind)
			return
		}
	}
	// Output:
	// being fenced: node-3
	// may recover from node-3: reset, power-off-read
}

// daemon is a stand-in that is about to release node-3.
func daemon() (socket string, stop func()) {
	dir, err := os.MkdirTemp("", "fc")
	if err != nil {
		panic(err)
	}
	socket = filepath.Join(dir, "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"api":"fenced/v1","quorate":true,"seq":6,"stream":"run-1","operations":[{"id":17,"victim":"node-3"}]}`)
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(client.HeaderStream, "run-1")
		w.Header().Set(client.HeaderSeq, r.FormValue("from"))
		fmt.Fprintln(w, `{"api":"fenced/v1","seq":7,"event":"release","node":"node-3","verdict":"reset","evidence":{"kind":"power-off-read"}}`)
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	return socket, func() { _ = srv.Close(); <-done; _ = os.RemoveAll(dir) }
}

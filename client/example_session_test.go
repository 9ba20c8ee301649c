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

// A program with one writer registers, starts to write when it is granted, begins nothing new while it is frozen, recovers from nodes that are
// released, and stops at once when this node has failed. In a real program the socket is client.DefaultSocket and somebody else runs the daemon.
func ExampleClient_Register() {
	socket, stop := registrar()
	defer stop()
	c := client.New(socket, "my-database")
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	session, err := c.Register(ctx, client.Registration{
		Name:  "my-database",
		After: 40, // what the file says that is written below; 0 at the very first start
	})
	if err != nil {
		fmt.Println("exit code", client.CodeOf(err)) // without fenced this program must not start
		return
	}
	defer session.Close()
	// Whoever is in the middle of something long watches session.Over() beside it.
	for {
		n, err := session.Next(ctx)
		switch {
		case errors.Is(err, client.ErrFailed):
			fmt.Println("stop writing now")
			return // os.Exit without flushing anything to what is shared
		case err != nil:
			fmt.Println(err)
			return
		}
		switch n.Event {
		case client.NoticeGranted:
			fmt.Println("start writing")
		case client.NoticeRefused:
			fmt.Println("wait:", n.Why)
		case client.NoticeFrozen:
			fmt.Println("begin nothing new:", n.Why)
		case client.NoticeThawed:
			fmt.Println("go on")
		case client.NoticeReleased:
			fmt.Println("recover from", n.Node)
			// When that is done, write n.Index to a file: it is where the next session goes on.
		}
	}
	// Output:
	// wait: node-3 is not fenced yet
	// recover from node-3
	// start writing
	// begin nothing new: no contact to a majority
	// stop writing now
}

// registrar is a stand-in: a node that sees another one die, and then fails itself.
func registrar() (socket string, stop func()) {
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
	mux.HandleFunc("POST /v1/clients", func(w http.ResponseWriter, r *http.Request) {
		for seq, line := range []string{
			`"index":40,"event":"state","heartbeat_ms":1000`,
			`"index":40,"event":"grant-refused","why":"node-3 is not fenced yet"`,
			`"index":44,"event":"released","node":"node-3","incarnation":"6a3c","verdict":"reset"`,
			`"index":45,"event":"granted"`,
			`"index":45,"event":"heartbeat"`,
			`"index":46,"event":"frozen","why":"no contact to a majority"`,
		} {
			fmt.Fprintf(w, `{"api":"fenced/v1","client":9,"seq":%d,%s}`+"\n", seq+1, line)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done() // it hangs
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	return socket, func() { _ = srv.Close(); <-done; _ = os.RemoveAll(dir) }
}

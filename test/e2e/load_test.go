package e2e

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// load is what a busy cluster has to answer beside its work: questions, and requests and acknowledgements that go through the log and are
// refused, at every node all the time. A refusal and a daemon that is away are answers; an answer that does not come in time is a hang.
type load struct {
	t        *testing.T
	stop     context.CancelFunc
	wg       sync.WaitGroup
	mu       sync.Mutex
	answered map[string]int
	hung     []string
}

// answerTime is far above what any answer takes, and how long a person waits.
const answerTime = 10 * time.Second

func underLoad(t *testing.T, nodes []*playground.Node) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{t: t, stop: stop, answered: map[string]int{}}
	t.Cleanup(l.end)
	for _, n := range nodes {
		cl := client.New(n.Socket(), "load")
		asks := map[string]func(context.Context) error{
			"status":  func(ctx context.Context) error { _, err := cl.Status(ctx); return err },
			"history": func(ctx context.Context) error { _, err := cl.History(ctx, client.HistoryQuery{Limit: 10}); return err },
			"plan": func(ctx context.Context) error {
				_, err := cl.Plan(ctx, client.PlanQuery{Node: n.Name, Action: client.ActionOff})
				return err
			},
			"ack of a member": func(ctx context.Context) error {
				_, err := cl.Ack(ctx, client.Ack{Node: n.Name, Boot: n.BootID(), Reason: "load"})
				return err
			},
			"request for another life": func(ctx context.Context) error {
				_, err := cl.Request(ctx, client.Request{Node: n.Name, Boot: "00000000-0000-4000-8000-000000000000", Action: client.ActionOff, Reason: "load"})
				return err
			},
		}
		for what, ask := range asks {
			l.wg.Go(func() { l.keepAsking(ctx, what+" on "+n.Name, what, ask) })
		}
		l.wg.Go(func() { <-ctx.Done(); cl.Close() })
	}
	return l
}

func (l *load) keepAsking(ctx context.Context, name, what string, ask func(context.Context) error) {
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for {
		one, cancel := context.WithTimeout(ctx, patience(answerTime))
		err := ask(one)
		late := errors.Is(one.Err(), context.DeadlineExceeded)
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		if late {
			l.hung = append(l.hung, name)
		} else if client.CodeOf(err) != client.CodeUnreachable {
			l.answered[what]++
		}
		if err == nil && (what == "ack of a member" || what == "request for another life") {
			l.hung = append(l.hung, name+" was granted")
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
	}
}

// end stops asking and checks that there was a load and that everything was answered.
func (l *load) end() {
	l.stop()
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hung {
		l.t.Errorf("under load: no answer, or a wrong one: %s", h)
	}
	l.hung = nil
	if len(l.answered) < 5 && !l.t.Failed() {
		l.t.Errorf("there was no load: %v", l.answered)
	}
	l.t.Logf("answered under load: %v", l.answered)
}

// flapper kills a node whenever it is a clean member, and counts.
type flapper struct {
	kills atomic.Int64
	lives sync.Map // that it ended
	quit  chan struct{}
	done  chan error
	once  sync.Once
}

// flap begins; clean says whether the node is a clean member with the life that it has now.
func flap(ctx context.Context, t *testing.T, c *playground.Cluster, n *playground.Node, clean func() bool) *flapper {
	t.Helper()
	f := &flapper{quit: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		f.done <- func() error {
			for {
				if err := c.Await(ctx, n.Name+" to be back between two kills", clean); err != nil {
					return err
				}
				select {
				case <-f.quit:
					return nil
				default:
				}
				life := n.BootID()
				f.lives.Store(life, true)
				f.kills.Add(1)
				if err := n.Kill(); err != nil {
					return err
				}
				if err := c.Await(ctx, "another life of "+n.Name, func() bool { return n.BootID() != life }); err != nil {
					return err
				}
			}
		}()
	}()
	t.Cleanup(func() { f.once.Do(func() { close(f.quit) }) })
	return f
}

// end lets the node come back and stay.
func (f *flapper) end(t *testing.T) {
	t.Helper()
	f.once.Do(func() { close(f.quit) })
	must(t, <-f.done)
}

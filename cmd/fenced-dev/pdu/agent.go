package pdu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
)

// Config is what an agent is made from.
type Config struct {
	Listen    string // UDP; port 0 chooses one
	Community string
	Model     Model
	Outlets   int
	// Labels are the outlets' names; the rest are "Outlet N".
	Labels []string
	// OnOff is run as sh -c "OnOff OUTLET on|off" when an outlet switches, "" for nothing behind them.
	OnOff string
	Knobs Knobs
	Log   *slog.Logger
}

// Agent is a running power strip.
type Agent struct {
	cfg  Config
	conn *net.UDPConn
	wg   sync.WaitGroup
	ctx  context.Context //nolint:containedctx // the agent's own life
	end  context.CancelFunc

	mu     sync.Mutex
	knobs  Knobs
	on     []bool
	due    []int // what is still to come for each outlet
	counts Counts
	asked  int
	labels []string
}

// Counts are the questions that arrived, and what really switched.
type Counts struct {
	Off        int `json:"off"`
	On         int `json:"on"`
	Status     int `json:"status"`
	AppliedOff int `json:"applied_off"`
	AppliedOn  int `json:"applied_on"`
}

// Start listens; every outlet is on.
func Start(cfg Config) (*Agent, error) {
	if cfg.Outlets < 1 || cfg.Outlets > 256 || cfg.Community == "" || cfg.Model.Name == "" {
		return nil, errors.New("a power strip needs a model, a community and 1 to 256 outlets")
	}
	addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, conn: conn, knobs: cfg.Knobs, on: make([]bool, cfg.Outlets), due: make([]int, cfg.Outlets)}
	a.ctx, a.end = context.WithCancel(context.Background())
	for i := range a.on {
		a.on[i] = true
		label := fmt.Sprintf("Outlet %d", i+1)
		if i < len(cfg.Labels) {
			label = cfg.Labels[i]
		}
		a.labels = append(a.labels, label)
	}
	a.wg.Go(a.serve)
	return a, nil
}

// Close ends the agent and waits for what it does.
func (a *Agent) Close() {
	a.end()
	_ = a.conn.Close()
	a.wg.Wait()
}

// Addr is where it listens.
func (a *Agent) Addr() *net.UDPAddr { return a.conn.LocalAddr().(*net.UDPAddr) } //nolint:forcetypeassert // it is UDP

// Counts returns what was asked so far.
func (a *Agent) Counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts
}

// SetKnobs changes how it misbehaves.
func (a *Agent) SetKnobs(k Knobs) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.knobs = k
}

// On reports an outlet's relay, counted from 1.
func (a *Agent) On(outlet int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.on[outlet-1]
}

// Switch moves an outlet's relay behind everybody's back.
func (a *Agent) Switch(outlet int, on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.on[outlet-1] = on
}

func (a *Agent) serve() {
	codec := &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: a.cfg.Community}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := a.conn.ReadFromUDP(buf)
		if err != nil {
			return // closed
		}
		q, err := codec.SnmpDecodePacket(slices.Clone(buf[:n]))
		if err != nil || q.Community != a.cfg.Community {
			continue // an agent does not answer a wrong community
		}
		if r := a.answer(q); r != nil {
			b, err := r.MarshalMsg()
			if err != nil {
				a.cfg.Log.Error("cannot encode an answer", "error", err)
				continue
			}
			_, _ = a.conn.WriteToUDP(b, from) // UDP: it arrives or not
		}
	}
}

func (a *Agent) answer(q *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.knobs.Hang || a.knobs.Lose > 0 && a.asked%a.knobs.Lose != 0 {
		return nil
	}
	r := &gosnmp.SnmpPacket{Version: q.Version, Community: q.Community, PDUType: gosnmp.GetResponse, RequestID: q.RequestID}
	objects := a.objects()
	for i, v := range q.Variables {
		oid := "." + strings.Trim(v.Name, ".")
		switch q.PDUType {
		case gosnmp.GetRequest:
			a.counts.Status++
			r.Variables = append(r.Variables, a.get(r, objects, oid, i))
		case gosnmp.GetNextRequest, gosnmp.GetBulkRequest:
			more := 1
			if q.PDUType == gosnmp.GetBulkRequest {
				more = int(min(q.MaxRepetitions, 64))
			}
			for n := range more {
				if a.knobs.FailWalk > 0 && oid == fmt.Sprintf(a.cfg.Model.Label, a.knobs.FailWalk-1+a.cfg.Model.First) {
					if n == 0 {
						r.Error, r.ErrorIndex, r.Variables = gosnmp.GenErr, uint8(i+1), append(r.Variables, v) //nolint:gosec // few
					}
					break
				}
				next := a.next(r, objects, oid, i)
				r.Variables = append(r.Variables, next)
				oid = next.Name
				if next.Type == gosnmp.EndOfMibView || next.Type == gosnmp.Null {
					break
				}
			}
		case gosnmp.SetRequest:
			r.Variables = append(r.Variables, v)
			if e := a.set(oid, v); e != gosnmp.NoError {
				r.Error, r.ErrorIndex = e, uint8(i+1) //nolint:gosec // few
			}
		}
	}
	return r
}

// objects are all there are, in the order of a walk.
func (a *Agent) objects() []gosnmp.SnmpPDU {
	m, id := a.cfg.Model, a.cfg.Model.SysObjectID
	if a.knobs.WrongIdentity {
		id = ".1.3.6.1.4.1.99999.1"
	}
	out := []gosnmp.SnmpPDU{{Name: ".1.3.6.1.2.1.1.2.0", Type: gosnmp.ObjectIdentifier, Value: id}}
	put := func(oid string, t gosnmp.Asn1BER, v any) {
		if oid != "" && !slices.ContainsFunc(out, func(p gosnmp.SnmpPDU) bool { return p.Name == oid }) {
			out = append(out, gosnmp.SnmpPDU{Name: oid, Type: t, Value: v})
		}
	}
	models := m.all()
	for i, on := range a.on {
		for _, m := range models {
			n, state, command := i+m.First, m.Off, m.CommandOff
			if on {
				state, command = m.On, m.CommandOn
			}
			put(fmt.Sprintf(m.Label, n), gosnmp.OctetString, []byte(a.labels[i]))
			put(fmt.Sprintf(m.Status, n), gosnmp.Integer, state)
			if m.Mirror != "" {
				put(fmt.Sprintf(m.Mirror, n), gosnmp.Integer, state)
			}
			if m.Pending != "" {
				put(fmt.Sprintf(m.Pending, n), gosnmp.Integer, map[bool]int{true: 1, false: 2}[a.due[i] > 0])
			}
			put(fmt.Sprintf(m.Control, n), gosnmp.Integer, command)
		}
	}
	slices.SortFunc(out, func(x, y gosnmp.SnmpPDU) int { return slices.Compare(numbers(x.Name), numbers(y.Name)) })
	return out
}

func (a *Agent) get(r *gosnmp.SnmpPacket, objects []gosnmp.SnmpPDU, oid string, i int) gosnmp.SnmpPDU {
	if at := slices.IndexFunc(objects, func(p gosnmp.SnmpPDU) bool { return p.Name == oid }); at >= 0 {
		return objects[at]
	}
	if r.Version == gosnmp.Version1 {
		r.Error, r.ErrorIndex = gosnmp.NoSuchName, uint8(i+1) //nolint:gosec // few
		return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Null}
	}
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.NoSuchObject}
}

func (a *Agent) next(r *gosnmp.SnmpPacket, objects []gosnmp.SnmpPDU, oid string, i int) gosnmp.SnmpPDU {
	at := slices.IndexFunc(objects, func(p gosnmp.SnmpPDU) bool { return slices.Compare(numbers(p.Name), numbers(oid)) > 0 })
	if at >= 0 {
		return objects[at]
	}
	if r.Version == gosnmp.Version1 {
		r.Error, r.ErrorIndex = gosnmp.NoSuchName, uint8(i+1) //nolint:gosec // few
		return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Null}
	}
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.EndOfMibView}
}

// set is a command. It is called with the lock held.
func (a *Agent) set(oid string, v gosnmp.SnmpPDU) gosnmp.SNMPError {
	m, i := a.cfg.Model, -1
	for _, one := range a.cfg.Model.all() {
		for j := range a.on {
			if fmt.Sprintf(one.Control, j+one.First) == oid {
				m, i = one, j
			}
		}
	}
	value, ok := v.Value.(int)
	switch {
	case i < 0 || a.knobs.Refuse:
		return gosnmp.NotWritable
	case !ok || v.Type != gosnmp.Integer:
		return gosnmp.WrongType
	case value != m.CommandOn && value != m.CommandOff:
		return gosnmp.WrongValue
	}
	on := value == m.CommandOn
	if on {
		a.counts.On++
	} else {
		a.counts.Off++
	}
	if a.knobs.Ignore {
		return gosnmp.NoError
	}
	a.after(a.knobs.Late, i, on)
	if !on && a.knobs.Restore > 0 {
		a.after(a.knobs.Late+a.knobs.Restore, i, true)
	}
	return gosnmp.NoError
}

// after moves a relay, at once or later.
func (a *Agent) after(d time.Duration, i int, on bool) {
	if d == 0 {
		a.apply(i, on)
		return
	}
	a.due[i]++
	a.wg.Go(func() {
		select {
		case <-time.After(d):
			a.mu.Lock()
			defer a.mu.Unlock()
			a.due[i]--
			a.apply(i, on)
		case <-a.ctx.Done():
		}
	})
}

func (a *Agent) apply(i int, on bool) {
	a.on[i] = on
	if on {
		a.counts.AppliedOn++
	} else {
		a.counts.AppliedOff++
	}
	if a.cfg.OnOff == "" {
		return
	}
	word := "off"
	if on {
		word = "on"
	}
	ctx, cancel := context.WithTimeout(a.ctx, 15*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "sh", "-c", a.cfg.OnOff+" "+strconv.Itoa(i+1)+" "+word).CombinedOutput(); err != nil { //nolint:gosec // a test device runs what it is told
		a.cfg.Log.Error("the switch failed", "outlet", i+1, "error", err, "output", string(out))
	}
}

func numbers(oid string) []int {
	var out []int
	for _, f := range strings.Split(strings.Trim(oid, "."), ".") {
		n, _ := strconv.Atoi(f)
		out = append(out, n)
	}
	return out
}

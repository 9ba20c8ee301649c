package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence/operation"
	"github.com/fenced-project/fenced/membership/corosync"
)

// ofTwo is the example of docs/reference/corosync.md.
const ofTwo = `cluster: c
membership: {provider: corosync}
timings: {failure_timeout: 2s, lease: 10s, post_fail_delay: 3s}
nodes:
  n1: {levels: [{device: bmc1}]}
  n2: {levels: [{device: bmc2}, {wait: watchdog}]}
devices:
  bmc1: {plugin: bmc, address: 10.9.0.1, attempt_timeout: 3s, attempts: 1, effect: 1s}
  bmc2: {plugin: bmc, address: 10.9.0.2, attempt_timeout: 4s, attempts: 1, effect: 1s}
`

func ringOfTwo(change func(*corosync.Settings)) *corosync.Settings {
	return ringOf(func(s *corosync.Settings) {
		s.Nodes, s.TwoNode, s.WaitForAll = s.Nodes[:2], true, true
		if change != nil {
			change(s)
		}
	})
}

// R23: the gap is computed from both nodes' levels of devices, their effect times, the token and the failure timeout; the documented example holds.
func TestTheGapOfTwoIsComputed(t *testing.T) {
	c, ps := newRoom(t).loadIn(ofTwo, answers(ringOfTwo(nil), nil))
	if c == nil || len(ps.Warnings()) != 0 || c.TwoNode == nil {
		t.Fatalf("%v", ps)
	}
	want := TwoNode{
		First: "n1", Second: "n2", DelayMS: 3000, GapMS: 27_501, Off: operation.Off{Node: 2, WalkMS: 12_500, EffectMS: 1000}, Slowest: "n2", RingMS: 10_000, FailureMS: 2000,
	}
	if got := *c.TwoNode; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	slow, _ := newRoom(t).loadIn(ofTwo, answers(ringOfTwo(func(s *corosync.Settings) { s.Token, s.Consensus = 20*time.Second, 24*time.Second }), nil))
	if slow.TwoNode == nil || slow.TwoNode.GapMS != want.GapMS+34_000 {
		t.Errorf("with a token of 20 s and a consensus of 24 s: %+v", slow.TwoNode)
	}
}

// R23: there are no turns where one of two cannot be quorate alone, and none are told where corosync was not asked or does not answer.
func TestNoTurnsWithoutTwoNode(t *testing.T) {
	ids := strings.NewReplacer("n1: {", "n1: {id: 1, address: 10.0.0.1, ", "n2: {", "n2: {id: 2, address: 10.0.0.2, ").Replace(ofTwo)
	for name, ring := range map[string]func(*Options){
		"a quorum of both": answers(ringOfTwo(func(s *corosync.Settings) { s.TwoNode = false }), nil),
		"three nodes":      answers(ringOf(func(s *corosync.Settings) { s.TwoNode = true }), nil),
		"not asked":        func(*Options) {},
		"down":             answers(nil, errors.New("corosync does not run on this node")),
	} {
		if c, ps := newRoom(t).loadIn(ids, ring); c == nil || c.TwoNode != nil {
			t.Errorf("%s: %v", name, ps)
		}
	}
	if c, ps := newRoom(t).loadIn(ids, answers(ringOfTwo(func(s *corosync.Settings) { s.TwoNode, s.Device = false, "net" }), nil)); c == nil || c.TwoNode == nil {
		t.Errorf("a quorum device: %v", ps)
	}
}

// R23: of two nodes each must be such that the other can read its power off; a wait or a person is no proof there, and that is told with its place.
func TestOfTwoEachNeedsADevice(t *testing.T) {
	text := strings.Replace(ofTwo, "[{device: bmc1}]", "[{wait: watchdog}, {ask: human}]", 1)
	text = strings.Replace(text, text[strings.Index(text, "  bmc1"):strings.Index(text, "  bmc2")], "", 1)
	c, ps := newRoom(t).loadIn(text, answers(ringOfTwo(nil), nil))
	var at []int
	for _, p := range ps {
		if strings.Contains(p.Text, "no level of power devices alone") {
			at = append(at, p.Line)
		}
	}
	if c == nil || len(at) != 1 || at[0] != 5 {
		t.Errorf("told at the lines %v: %v", at, ps)
	}
}

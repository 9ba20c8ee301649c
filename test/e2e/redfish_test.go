package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// redfishFirst gives node 3 a BMC that speaks Redfish, and the others before or behind it; everybody else has IPMI. HTTPS takes a busy machine long.
func redfishFirst(spec playground.BMCSpec, more ...playground.BMCSpec) playground.Options {
	spec.Redfish = true
	if spec.AttemptTimeout == 0 {
		spec.AttemptTimeout = patience(10 * time.Second)
	}
	return playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node == 3 {
			return append([]playground.BMCSpec{spec}, more...)
		}
		return []playground.BMCSpec{{}}
	}}
}

// allClosed demands that sessions were made at a Redfish BMC and that it holds none of them any more: it has few.
func (f *fencing) allClosed(ctx context.Context, b *playground.BMC) {
	f.t.Helper()
	f.await(ctx, "every session at "+b.Name+" to be closed", func() bool {
		n := counts(ctx, f.t, b)
		return n.Opened > 0 && n.Open == 0
	})
}

// A node is fenced by Redfish: its machine's own UUID stands in the document that the power state was read from (R16 a), the BMC shows the
// certificate that the configuration names, and no session is left behind.
func TestRedfishFencesWithIdentity(t *testing.T) {
	c, ctx := start(t, redfishFirst(playground.BMCSpec{}))
	if r, code := tested(ctx, t, c.Node(1), "node-3"); code != 0 || r.Proof != client.ProofIdentity || !r.OK {
		t.Errorf("fenced test ends with %d and says %+v", code, r)
	}
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
	f.allClosed(ctx, c.BMC(3))
}

// Behind the address is another machine's Redfish (R16 a), or somebody with another certificate: neither is told to switch anything, and the
// second level decides. Whom the certificate does not prove gets no password either.
func TestRedfishOfAnotherIsNotTouched(t *testing.T) {
	for _, c := range []struct {
		name    string
		spec    playground.BMCSpec
		class   string
		stopped bool // before a login
	}{
		{"another machine", playground.BMCSpec{Knobs: []string{"wrong-identity"}}, client.ClassMismatch, false},
		{"another certificate", playground.BMCSpec{Fingerprint: strings.Repeat("5e", 32)}, client.ClassRefused, true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			cluster, ctx := start(t, redfishFirst(c.spec, playground.BMCSpec{}))
			f := begin(t, cluster, 3)
			must(t, cluster.Node(3).Kill())
			f.fencedAndBack(ctx, expectation{
				device: "bmc-3-b", failed: map[string][]string{"bmc-3": {c.class}},
				counts: map[string]playground.Counts{"bmc-3": {}, "bmc-3-b": {Off: 1, AppliedOff: 1}},
			})
			if c.stopped {
				if n := counts(ctx, t, cluster.BMC(3)); n.Opened != 0 {
					t.Errorf("somebody with another certificate saw %d logins", n.Opened)
				}
				return
			}
			f.allClosed(ctx, cluster.BMC(3))
		})
	}
}

// The first level's Redfish says 204 and does nothing, or stays PoweringOff for ever: neither is off (V2), and the second level decides.
func TestRedfishThatDoesNotGetThereFallsToTheNextLevel(t *testing.T) {
	for _, c := range []struct {
		knob  string
		class []string
	}{
		{"ignore", []string{client.ClassLied, client.ClassTimeout}},
		{"limbo", []string{client.ClassLimbo, client.ClassTimeout}},
	} {
		t.Run(c.knob, func(t *testing.T) {
			cluster, ctx := start(t, redfishFirst(playground.BMCSpec{Knobs: []string{c.knob}, AttemptTimeout: patience(4 * time.Second)}, playground.BMCSpec{}))
			f := begin(t, cluster, 3)
			must(t, cluster.Node(3).Kill())
			f.fencedAndBack(ctx, expectation{
				device: "bmc-3-b", failed: map[string][]string{"bmc-3": c.class},
				counts: map[string]playground.Counts{"bmc-3": {Off: 1}, "bmc-3-b": {Off: 1, AppliedOff: 1}},
			})
			f.allClosed(ctx, cluster.BMC(3))
		})
	}
}

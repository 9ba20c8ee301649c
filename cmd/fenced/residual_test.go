package main

import (
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/residual"
)

// What a scan found becomes a result: anything of class state is dirty, what could not be looked at is unknown, access is neither.
func TestJudged(t *testing.T) {
	state := residual.Finding{Probe: residual.ProbeDLM, Class: residual.ClassState, What: "dlm lockspace x", Reset: true}
	unknown := residual.Finding{Probe: residual.ProbeGFS2, Class: residual.ClassState, What: residual.WhatUnknown}
	access := residual.Finding{Probe: residual.ProbeISCSI, Class: residual.ClassAccess, What: "session"}
	all := make([]string, len(residual.Probes()))
	for _, c := range []struct {
		name     string
		findings []residual.Finding
		session  residual.SessionState
		probes   []string
		want     string
	}{
		{"nothing", nil, residual.SessionNone, all, client.ResidualClean},
		{"access", []residual.Finding{access}, residual.SessionNone, all, client.ResidualClean},
		{"state", []residual.Finding{state}, residual.SessionNone, all, client.ResidualDirty},
		{"unknown", []residual.Finding{unknown}, residual.SessionNone, all, client.ResidualUnknown},
		{"both", []residual.Finding{unknown, state}, residual.SessionNone, all, client.ResidualDirty},
		{"a session that cannot be read", nil, residual.SessionUnreadable, all, client.ResidualUnknown},
		{"not all probes", nil, residual.SessionNone, nil, client.ResidualUnknown},
	} {
		cfg := &config.Config{StateDir: t.TempDir()}
		cfg.Roster.Policy.OnResidual = fence.ResidualSelfFence
		got := judged(residual.Report{Session: c.session, Findings: c.findings, Probes: c.probes}, cfg)
		if got.Result != c.want || (got.Would == "announce clean") != (c.want == client.ResidualClean) {
			t.Errorf("%s: %s, %s", c.name, got.Result, got.Would)
		}
	}
}

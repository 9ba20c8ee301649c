package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/internal/machine"
	"github.com/fenced-project/fenced/internal/store"
	"github.com/fenced-project/fenced/residual"
	"github.com/fenced-project/fenced/residual/looker"
)

// runningTimeout bounds the question whether a daemon runs here.
const runningTimeout = time.Second

// residue is `fenced residual`: one scan, the start table and the policy, and nothing is done about it.
func residue(ctx context.Context, o config.Options) (client.Residual, error) {
	c, err := residueConfig(o)
	if err != nil {
		return client.Residual{}, err
	}
	boot, err := machine.BootID(c.SystemRoot)
	if err != nil {
		return client.Residual{}, client.Errorf(client.CodeResidualUnknown, "cannot tell which boot this is, so not whose record is whose: %v", err)
	}
	r := residual.Scan(ctx, fenced.ResidualOptions(c, boot, looker.Helper()))
	if runs := running(ctx, c, boot); runs { // its own open session is no leftover
		r.Session = residual.SessionClosed
		kept := r.Findings[:0]
		for _, f := range r.Findings {
			if f.Probe != residual.ProbeSession {
				kept = append(kept, f)
			}
		}
		r.Findings = kept
	}
	return judged(r, c), nil
}

// scans are the daemon's own: a process waits for each. What it looks at is sent with the word.
func scans(c *config.Config, boot string, waiting *residual.Waiting) func(context.Context) member.ResidualScanned {
	o := fenced.ResidualOptions(c, boot, looker.Helper())
	o.Waiting = waiting
	return fenced.Scanner(o, c.StateDir)
}

// judged puts a report, and what the pure core makes of it, into the document.
func judged(r residual.Report, c *config.Config) client.Residual {
	in := fenced.Scanned(r, c.StateDir)
	outcome, why := member.StartTable(in.Session, in.State || in.Unsure, member.LifeNone)
	response := member.Respond(outcome, in.Resettable, in.Session.EverArmed, c.Roster.Policy.OnResidual)
	doc := client.Residual{API: client.API, Simulated: c.Simulated, Result: client.ResidualClean, Policy: c.Roster.Policy.OnResidual, Would: string(response)}
	if why != "" {
		doc.Would += ": " + why
	}
	for _, f := range r.Findings {
		if f.Class == residual.ClassState && f.What != residual.WhatUnknown {
			doc.Result = client.ResidualDirty
		}
		d := client.Finding{Probe: f.Probe, Path: f.Path, Class: string(f.Class), What: f.What, Why: f.Why, Reset: f.Reset}
		for _, h := range f.Holders {
			d.Holders = append(d.Holders, client.Holder(h))
		}
		doc.Findings = append(doc.Findings, d)
	}
	if doc.Result == client.ResidualClean && (in.Unsure || outcome != member.OutcomeClean) {
		doc.Result = client.ResidualUnknown
	}
	return doc
}

// residueConfig reads the configuration; a machine that has none yet is looked at with the defaults.
func residueConfig(o config.Options) (*config.Config, error) {
	o.NoSecrets, o.AnyNode, o.Local = true, true, true
	path := o.Path
	if path == "" {
		path = config.DefaultPath
	}
	if _, err := os.Stat(path); o.Path != "" || !errors.Is(err, fs.ErrNotExist) {
		c, problems := config.Load(o)
		if problems.Fatal() {
			return nil, problems
		}
		return c, nil
	}
	root, state, run := o.SystemRoot, o.StateDir, o.RunDir
	if root == "" {
		root = "/"
	}
	if state == "" {
		state = config.DefaultStateDir
	}
	if run == "" {
		run = config.DefaultRunDir
	}
	c := &config.Config{SystemRoot: root, Simulated: root != "/", StateDir: state, RunDir: run, Socket: o.Socket}
	if c.Socket == "" {
		c.Socket = run + "/fenced.sock"
	}
	c.Roster.Policy.OnResidual = fence.ResidualSelfFence
	return c, nil
}

// running reports whether the daemon answers whose record this boot's is. Any doubt is no: then the record counts.
func running(ctx context.Context, c *config.Config, boot string) bool {
	record, err := store.Read(fenced.SessionPath(c.StateDir, boot))
	state, session, _ := residual.JudgeSession(boot, record, err)
	if state != residual.SessionOpenStateful && state != residual.SessionOpenStateless || session.Instance == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, runningTimeout)
	defer cancel()
	cl := client.New(c.Socket, "fenced/"+version)
	defer cl.Close()
	s, err := cl.Status(ctx)
	if err != nil {
		return false
	}
	for _, n := range s.Nodes {
		if n.Name == s.Node {
			return n.BootID == boot && n.Instance == session.Instance
		}
	}
	return false
}

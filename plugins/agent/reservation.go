package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/plugins/trust"
)

// fence_scsi and fence_mpath say off when a node's key is not registered. That is a cut only while a reservation lets nobody write who is not
// registered. Where no node ever registered, or where an array forgot it all when it was restarted, both are gone, everybody may write, and these
// agents still say off. So the reservation is read too, after the registration, with the agent's own tool (R18, ADR 0092).

// reservation is how the reservation of a device is read.
type reservation struct {
	option string // the agent's parameter that names the tool
	tool   string
	args   []string // before the device
	// keys are the parameters that may hold the key of a registration, and instead those that the agent obeys instead of its plug; made is the one
	// that says of what it makes keys by itself, "" where it makes none.
	keys, instead []string
	made          string
}

// reservations are the agents that cut by taking away a registration.
var reservations = map[string]reservation{
	"fence_scsi": {
		option: "sg_persist_path", tool: "/usr/bin/sg_persist", args: []string{"-n", "-i", "-r", "-d"},
		keys: []string{"key"}, instead: []string{"key", "nodename"}, made: "key_value",
	},
	"fence_mpath": {
		option: "mpathpersist_path", tool: "/usr/sbin/mpathpersist", args: []string{"-i", "-r", "-d"},
		keys: []string{"plug", "key"}, instead: []string{"key"},
	},
}

// reserves returns how the reservation is read that makes this agent's off a cut; false for every other agent.
func reserves(path string, m metadata) (reservation, bool) {
	for _, n := range names(path, m) {
		if r, ok := reservations[n]; ok {
			return r, true
		}
	}
	return reservation{}, false
}

// disks are the devices of such an agent. Without them it would look for some by itself, and what it does not find is not guarded.
func disks(s settings) ([]string, error) {
	list := strings.FieldsFunc(s["devices"].Reveal(), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(list) == 0 {
		return nil, sdk.Refused(fmt.Errorf("option devices is required: name every disk that is to be cut"))
	}
	for _, d := range list {
		if !filepath.IsAbs(d) {
			return nil, sdk.Refused(fmt.Errorf("option devices: %.100q is no absolute path", d))
		}
	}
	return list, nil
}

// holds is an error unless every disk has a reservation that keeps out who is not registered.
func (r reservation) holds(ctx context.Context, s settings) error {
	list, err := disks(s)
	if err != nil {
		return err
	}
	tool := cmp.Or(s[r.option].Reveal(), r.tool)
	if tool, err = trust.Program(tool); err != nil {
		return sdk.Unsupported(fmt.Errorf("cannot read whether a reservation holds: %w", err))
	}
	for _, disk := range list {
		o, err := run(ctx, tool, nil, append(r.args[:len(r.args):len(r.args)], disk)...)
		name := filepath.Base(tool)
		switch {
		case err != nil:
			return startFailure(name, err)
		case o.overran || o.signal != 0 || o.code != 0:
			return o.failure(name, "reading the reservation of "+disk, s)
		case !keepsOut(o.stdout):
			return sdk.Refused(fmt.Errorf("%s has no reservation that keeps out who is not registered, so to be unregistered is not to be cut off: register the nodes (action on, at each of them)", disk))
		}
	}
	return nil
}

// reservedFor is the line on which both tools name the type of a reservation.
var reservedFor = regexp.MustCompile(`(?im)\btype\s*[:=]\s*(write exclusive|exclusive access)\s*[,-]\s*(registrants only|all registrants)\s*$`)

func keepsOut(said []byte) bool {
	return reservedFor.Match(said) && !bytes.Contains(bytes.ToLower(said), []byte("no reservation"))
}

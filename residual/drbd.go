package residual

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ProbeDRBD is the probe of DRBD resources that this node may write to.
const ProbeDRBD = "drbd"

const (
	drbdTable = "proc/drbd"
	drbdSetup = "usr/sbin/drbdsetup"
)

// replica is what DRBD says of one resource (version 9) or device (before).
type replica struct {
	name      string
	role      string // Primary, Secondary or Unknown
	suspended bool   // it holds the writes of its users back
}

// drbdProbe finds resources in the role Primary. Version 8 says so in /proc/drbd; version 9 only to drbdsetup, which is asked where there are
// devices of DRBD, and only for its status.
func drbdProbe(l *look) []Finding {
	if f, ok := l.open(ProbeDRBD); !ok {
		return []Finding{f}
	}
	defer l.close()
	all, failed := l.replicas()
	if failed != nil {
		return []Finding{*failed}
	}
	var found []Finding
	for _, r := range all {
		f := Finding{Probe: ProbeDRBD, Path: printable(l.path("sys/module/drbd")), Class: ClassState, Reset: true, What: "drbd " + printable(r.name) + " in role " + printable(r.role)}
		switch r.role {
		case "Secondary":
			continue
		case "Primary":
			f.Why = "it can be written to and no daemon of ours controls it"
		default:
			f.What, f.Why = WhatUnknown, "drbd "+printable(r.name)+" has the role "+printable(r.role)+", which may be Primary"
		}
		if r.suspended {
			f.Why += "; its writes are suspended"
		}
		found = append(found, f)
	}
	return found
}

// replicas asks whichever version of DRBD is there; none where there is no device of it.
func (l *look) replicas() ([]replica, *Finding) {
	names, err := l.blocks()
	if err != nil {
		f := l.unreadable(ProbeDRBD, blockDir, err)
		return nil, &f
	}
	devices := 0
	for _, n := range names {
		if strings.HasPrefix(n, "drbd") {
			devices++
		}
	}
	b, err := l.read(drbdTable, maxTable)
	if err != nil && (!gone(err) || l.dangling(drbdTable)) {
		f := l.unreadable(ProbeDRBD, drbdTable, err)
		return nil, &f
	}
	if err == nil {
		all, complete, err := parseProcDRBD(b)
		if err != nil {
			f := l.unreadable(ProbeDRBD, drbdTable, err)
			return nil, &f
		}
		if complete {
			return all, nil
		}
	}
	if devices == 0 {
		return nil, nil
	}
	out, err := l.run(drbdSetup, "status", "--json")
	var all []replica
	if err == nil {
		all, err = parseDRBDStatus(out)
	}
	if err != nil {
		f := l.unknown(ProbeDRBD, l.path(drbdSetup), fmt.Sprintf("there are %d devices of DRBD, and drbdsetup does not say what they are: %s", devices, printable(err.Error())), false)
		return nil, &f
	}
	return all, nil
}

var errDRBD = errors.New("it is not understood")

// parseProcDRBD reads /proc/drbd of version 8, with lines such as
//
//	0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----
//
// of which the first flag is s where I/O is suspended. Version 9 has nothing but its number there: not complete.
func parseProcDRBD(b []byte) (all []replica, complete bool, err error) {
	version, _, _ := bytes.Cut(b, []byte("\n"))
	number, ok := bytes.CutPrefix(version, []byte("version: "))
	if !ok {
		return nil, false, errDRBD
	}
	if !bytes.HasPrefix(number, []byte("8.")) {
		return nil, false, nil
	}
	for line := range bytes.Lines(b) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 || !strings.HasPrefix(fields[1], "cs:") {
			continue
		}
		minor, err := strconv.Atoi(strings.TrimSuffix(fields[0], ":"))
		if err != nil {
			return nil, false, errDRBD
		}
		if fields[1] == "cs:Unconfigured" {
			continue
		}
		r := replica{name: "device " + strconv.Itoa(minor)}
		for _, f := range fields[2:] {
			if role, ok := strings.CutPrefix(f, "ro:"); ok {
				r.role, _, _ = strings.Cut(role, "/")
			}
		}
		flags := fields[len(fields)-1]
		r.suspended = flags[0] == 's'
		all = append(all, r)
	}
	return all, true, nil
}

// parseDRBDStatus reads `drbdsetup status --json`: a list of resources. A resource without a role has one that is not known.
func parseDRBDStatus(b []byte) ([]replica, error) {
	var raw []struct {
		Name      *string `json:"name"`
		Role      string  `json:"role"`
		Suspended any     `json:"suspended"`
		// Version 9 may say the reasons alone.
		User    any `json:"suspended-user"`
		NoData  any `json:"suspended-no-data"`
		Fencing any `json:"suspended-fencing"`
		Quorum  any `json:"suspended-quorum"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, errDRBD
	}
	if raw == nil {
		return nil, errDRBD // null is no list
	}
	var all []replica
	for _, r := range raw {
		if r.Name == nil {
			return nil, errDRBD
		}
		suspended := slices.ContainsFunc([]any{r.Suspended, r.User, r.NoData, r.Fencing, r.Quorum}, said)
		all = append(all, replica{name: *r.Name, role: r.Role, suspended: suspended})
	}
	return all, nil
}

// said reports whether a field is there and says anything but no.
func said(v any) bool { return v != nil && v != false && v != "no" && v != "" }

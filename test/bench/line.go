package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Line is one line of build/bench.jsonl (INTERFACES.md). Value is what the aim is held against: the median, or what Note says. Aim, Met, Peer
// and Ratio (value over peer) are null where there is no aim or no peer's figure.
type Line struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	N      int      `json:"n"`
	Median float64  `json:"median"`
	P95    float64  `json:"p95"`
	Aim    *float64 `json:"aim"`
	Met    *bool    `json:"met"`
	Peer   *float64 `json:"peer"`
	Ratio  *float64 `json:"ratio"`
	// PeerName says whose figure it is, Load is the load average of one minute when the line was made.
	PeerName string  `json:"peer_name,omitempty"`
	Load     float64 `json:"load"`
	Note     string  `json:"note,omitempty"`
}

// line makes a line of samples, with aim and peer by its name; value is the median.
func line(name, unit, note string, samples []float64) Line {
	s := slices.Sorted(slices.Values(samples))
	l := Line{Name: name, Unit: unit, N: len(s), Median: quantile(s, 0.5), P95: quantile(s, 0.95), Note: note}
	return l.judge(l.Median)
}

// judge sets the value and what follows from it.
func (l Line) judge(value float64) Line { return l.against(value, goals[l.Name]) }

// against is judge with a goal of this run: a peer that was measured beside it. Every aim is an upper bound that is to be undercut.
func (l Line) against(value float64, g goal) Line {
	l.Value = value
	l.PeerName = g.who
	if g.aim > 0 {
		met := value < g.aim
		l.Aim, l.Met = &g.aim, &met
	}
	if g.peer > 0 {
		ratio := value / g.peer
		l.Peer, l.Ratio = &g.peer, &ratio
	}
	return l
}

// quantile takes the nearest rank of sorted samples; 0 of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(q*float64(len(sorted)) + 0.999999)
	if q == 0.5 && len(sorted)%2 == 0 {
		return (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
	}
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// write replaces the file of lines.
func write(path string, lines []Line) error {
	var b bytes.Buffer
	for _, l := range lines {
		if err := json.NewEncoder(&b).Encode(l); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// table prints the lines for people.
func table(out io.Writer, lines []Line) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVALUE\tP95\tN\tAIM\t\tPEER\tRATIO\tLOAD\tNOTE")
	for _, l := range lines {
		word := ""
		if l.Met != nil {
			word = map[bool]string{true: "met", false: "MISSED"}[*l.Met]
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%d\t%s\t%s\t%s\t%s\t%.1f\t%s\n", l.Name, short(&l.Value), l.Unit, short(&l.P95), l.N, short(l.Aim), word,
			short(l.Peer), short(l.Ratio), l.Load, l.Note)
	}
	_ = w.Flush()
}

// short writes a figure with three digits that count.
func short(v *float64) string {
	switch {
	case v == nil:
		return "-"
	case *v >= 100 || *v <= -100:
		return strconv.FormatFloat(*v, 'f', 0, 64)
	}
	return strconv.FormatFloat(*v, 'g', 3, 64)
}

// loadAverage is that of the last minute, 0 where it cannot be read.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// metadata is what an agent says of itself, read loosely: agents are written by many hands.
type metadata struct {
	Name     string
	Summary  string
	Symlinks []string
	Params   []param
	Actions  []action
}

// param is one parameter, under the name it is listed with.
type param struct {
	Name      string
	Obsoletes string // the older name of the same
	Type      string // string, integer, second, boolean, select
	Default   string
	Values    []string
	Help      string
	Required  bool
	// Deprecated: a newer name obsoletes it.
	Deprecated bool
}

// action is one action it knows.
type action struct {
	Name string
	// OnTarget: it must run on the machine that it is about. Automatic: a node must do it when it joins (unfencing).
	OnTarget, Automatic bool
}

// maxParams and maxActions bound what is taken from one agent.
const (
	maxParams  = 512
	maxActions = 64
)

type xmlAgent struct {
	XMLName  xml.Name `xml:"resource-agent"`
	Name     string   `xml:"name,attr"`
	Short    string   `xml:"shortdesc,attr"`
	Symlinks []struct {
		Name string `xml:"name,attr"`
	} `xml:"symlink"`
	Params []struct {
		Name       string `xml:"name,attr"`
		Required   string `xml:"required,attr"`
		Deprecated string `xml:"deprecated,attr"`
		Obsoletes  string `xml:"obsoletes,attr"`
		Content    struct {
			Type    string `xml:"type,attr"`
			Default string `xml:"default,attr"`
			Options []struct {
				Value string `xml:"value,attr"`
			} `xml:"option"`
		} `xml:"content"`
		Short string `xml:"shortdesc"`
	} `xml:"parameters>parameter"`
	Actions []struct {
		Name      string `xml:"name,attr"`
		OnTarget  string `xml:"on_target,attr"`
		Automatic string `xml:"automatic,attr"`
		Required  string `xml:"required,attr"` // the older name of automatic
	} `xml:"actions>action"`
}

// parseMetadata reads what an agent wrote on stdout; noise before the document is skipped, a document that stops in the middle is an error.
func parseMetadata(out []byte) (metadata, error) {
	at := bytes.Index(out, []byte("<resource-agent"))
	if at < 0 {
		return metadata{}, errors.New("it writes no metadata")
	}
	d := xml.NewDecoder(bytes.NewReader(out[at:]))
	d.Strict = false // bare & and < occur in descriptions
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var x xmlAgent
	if err := d.Decode(&x); err != nil {
		return metadata{}, fmt.Errorf("cannot read its metadata: %.200s", err.Error())
	}
	if !bytes.Contains(out[at:], []byte("</resource-agent>")) {
		return metadata{}, errors.New("its metadata ends in the middle")
	}
	if len(x.Params) > maxParams || len(x.Actions) > maxActions {
		return metadata{}, fmt.Errorf("it lists %d parameters and %d actions, more than %d and %d", len(x.Params), len(x.Actions), maxParams, maxActions)
	}
	return x.loose(), nil
}

func (x xmlAgent) loose() metadata {
	m := metadata{Name: x.Name, Summary: plain(x.Short)}
	for _, s := range x.Symlinks {
		m.Symlinks = append(m.Symlinks, s.Name)
	}
	for _, p := range x.Params {
		q := param{
			Name: strings.TrimSpace(p.Name), Obsoletes: p.Obsoletes, Type: p.Content.Type, Default: p.Content.Default, Help: plain(p.Short),
			Required: truthy(p.Required), Deprecated: truthy(p.Deprecated),
		}
		for _, o := range p.Content.Options {
			q.Values = append(q.Values, o.Value)
		}
		if q.Name != "" {
			m.Params = append(m.Params, q)
		}
	}
	for _, a := range x.Actions {
		m.Actions = append(m.Actions, action{Name: strings.ToLower(a.Name), OnTarget: truthy(a.OnTarget), Automatic: truthy(a.Automatic) || truthy(a.Required)})
	}
	return m
}

func truthy(s string) bool {
	return slices.Contains([]string{"1", "yes", "on", "true"}, strings.ToLower(strings.TrimSpace(s)))
}

// plain is one line for people.
func plain(s string) string { return bounded(collapsed(strings.ToValidUTF8(s, ""))) }

// collapsed is text on one line, its words one space apart.
func collapsed(s string) string { return strings.Join(strings.Fields(s), " ") }

func bounded(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// action returns what the agent says of an action.
func (m metadata) action(name string) (action, bool) {
	i := slices.IndexFunc(m.Actions, func(a action) bool { return a.Name == name })
	if i < 0 {
		return action{}, false
	}
	return m.Actions[i], true
}

func (m metadata) can(name string) bool {
	_, ok := m.action(name)
	return ok
}

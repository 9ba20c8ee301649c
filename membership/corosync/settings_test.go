package corosync

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// fakeMap is a corosync's map: numbers and texts by key.
type fakeMap map[string]any

func (m fakeMap) Text(key string) (string, error) {
	switch v := m[key].(type) {
	case string:
		return v, nil
	case nil:
		return "", libcorosync.NotExist
	}
	return "", fmt.Errorf("%s is no text", key)
}

func (m fakeMap) Number(key string) (uint64, error) {
	switch v := m[key].(type) {
	case int:
		return uint64(v), nil
	case nil:
		return 0, fmt.Errorf("cmap_get: %w", libcorosync.NotExist)
	}
	return 0, fmt.Errorf("%s is no whole number", key)
}

func (m fakeMap) Keys(prefix string) ([]string, error) {
	if _, broken := m["broken"]; broken {
		return nil, libcorosync.Library
	}
	var ks []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(k, prefix) {
			ks = append(ks, k)
		}
	}
	return ks, nil
}

func good() fakeMap {
	return fakeMap{
		"totem.cluster_name": "web", "totem.token": 3000, "runtime.config.totem.token": 3000, "totem.crypto_cipher": "aes256", "totem.crypto_hash": "sha256",
		"nodelist.node.0.nodeid": 10, "nodelist.node.0.name": "b", "nodelist.node.0.ring0_addr": "10.0.0.2", "nodelist.node.0.ring1_addr": "10.1.0.2",
		"nodelist.node.1.nodeid": 2, "nodelist.node.1.name": "a", "nodelist.node.1.ring0_addr": "10.0.0.1",
		"nodelist.local_node_pos": 1, "nodelist.node.0.quorum_votes": 2, "runtime.config.totem.consensus": 3600, "quorum.provider": "corosync_votequorum",
	}
}

func TestSettingsAreRead(t *testing.T) {
	s, err := read(good())
	want := Settings{
		Cluster: "web", Token: 3 * time.Second, Written: 3 * time.Second, Encrypted: true,
		Consensus: 3600 * time.Millisecond, Provider: "corosync_votequorum", Local: 2,
		Nodes: []Listed{{2, "a", []string{"10.0.0.1"}, 1}, {10, "b", []string{"10.0.0.2", "10.1.0.2"}, 2}},
	}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, %v", s, err)
	}
	if w := s.Warnings(); len(w) != 0 {
		t.Errorf("warnings of good settings: %q", w)
	}
}

func TestSettingsThatHurtAreNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		set  fakeMap
		want string
		more int // warnings of something else that comes with it
	}{
		"a short token":                 {fakeMap{"totem.token": 300, "runtime.config.totem.token": 300}, "token is 300ms: a machine that is only busy", 0},
		"the coefficient":               {fakeMap{"runtime.config.totem.token": 3650}, "token is 3.65s and not 3s", 0},
		"two_node without wait_for_all": {fakeMap{"quorum.two_node": 1, "quorum.wait_for_all": 0}, "without wait_for_all", 0},
		"last_man_standing":             {fakeMap{"quorum.last_man_standing": 1}, "has last_man_standing: corosync goes on with fewer", 1},
		"auto_tie_breaker":              {fakeMap{"quorum.auto_tie_breaker": 1}, "levels that wait for a watchdog are not used", 0},
		"allow_downscale":               {fakeMap{"quorum.allow_downscale": 1}, "has allow_downscale: corosync goes on with fewer", 1},
		"a quorum device":               {fakeMap{"quorum.device.model": "net"}, "levels that wait for a watchdog are not used", 0},
		"a quorum device of three":      {fakeMap{"quorum.device.model": "net", "nodelist.node.5.nodeid": 7, "nodelist.node.5.name": "c"}, "levels that wait for a watchdog are not used", 1},
		"few expected votes":            {fakeMap{"quorum.expected_votes": 1}, "expected_votes is 1 and its nodelist has 3 votes", 0},
		"no authentication":             {fakeMap{"totem.crypto_cipher": "none", "totem.crypto_hash": "none"}, "not authenticated", 0},
		"a node without a name":         {fakeMap{"nodelist.node.5.nodeid": 7}, "node 7 has no name", 0},
	} {
		m := good()
		maps.Copy(m, tt.set)
		s, err := read(m)
		if w := s.Warnings(); err != nil || len(w) != 1+tt.more || !strings.Contains(w[0].Text, tt.want) {
			t.Errorf("%s: %q, %v", name, w, err)
		}
	}
	for name, set := range map[string]fakeMap{"secauth": {"totem.crypto_cipher": "none", "totem.crypto_hash": "none", "totem.secauth": "on"}} {
		m := good()
		maps.Copy(m, set)
		if s, err := read(m); err != nil || len(s.Warnings()) != 0 {
			t.Errorf("%s: %q, %v", name, s.Warnings(), err)
		}
	}
}

// What cannot be read is an error, never a default.
func TestSettingsThatCannotBeReadAreAnError(t *testing.T) {
	for name, set := range map[string]fakeMap{
		"a number that is a text": {"runtime.config.totem.token": "soon"},
		"a text that is a number": {"totem.cluster_name": 5},
		"an impossible id":        {"nodelist.node.5.nodeid": 0},
		"an id twice":             {"nodelist.node.5.nodeid": 10},
		"no keys":                 {"broken": 1},
	} {
		m := good()
		maps.Copy(m, set)
		if _, err := read(m); err == nil || errors.Is(err, libcorosync.NotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Which of two even halves goes on, as corosync's own words have it.
func TestTheTieBreakerIsRead(t *testing.T) {
	for name, tt := range map[string]struct {
		set  fakeMap
		node fence.NodeID
	}{
		"none":                  {fakeMap{"quorum.auto_tie_breaker_node": "highest"}, 0},
		"by default":            {fakeMap{"quorum.auto_tie_breaker": 1}, 2},
		"highest":               {fakeMap{"quorum.auto_tie_breaker": 1, "quorum.auto_tie_breaker_node": "highest"}, 10},
		"a list":                {fakeMap{"quorum.auto_tie_breaker": 1, "quorum.auto_tie_breaker_node": "10 2"}, 10},
		"nonsense":              {fakeMap{"quorum.auto_tie_breaker": 1, "quorum.auto_tie_breaker_node": " "}, 0},
		"of a device":           {fakeMap{"quorum.device.model": "net"}, 2},
		"of a device, a node":   {fakeMap{"quorum.device.model": "net", "quorum.device.net.tie_breaker": "10"}, 10},
		"of a device not known": {fakeMap{"quorum.device.model": "other"}, 0},
	} {
		m := good()
		maps.Copy(m, tt.set)
		if s, err := read(m); err != nil || s.TieNode() != tt.node {
			t.Errorf("%s: node %d, %v", name, s.TieNode(), err)
		}
	}
}

package fence

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func twoNodes() Roster {
	level := func(d string) []Level { return []Level{{Steps: []Step{{Device: d}}}} }
	return Roster{
		Cluster: "c", Timing: Timing{FailureTimeoutMS: 2000}, Policy: Policy{EvenSplit: "freeze"},
		Nodes:   []RosterNode{{ID: 1, Name: "a", Address: "x:1", Votes: 1, Levels: level("bmc-a")}, {ID: 2, Name: "b", Address: "y:1", Votes: 1, Levels: level("bmc-b")}},
		Devices: []Device{{Name: "bmc-a", Plugin: "bmc", Mapping: "1"}, {Name: "bmc-b", Plugin: "bmc", Mapping: "2"}},
	}
}

func TestChangesInWords(t *testing.T) {
	old, fresh := twoNodes(), twoNodes()
	fresh.Nodes[0].Name, fresh.Nodes[0].Address = "web", "x:2"
	fresh.Nodes[1] = RosterNode{ID: 3, Name: "d", Address: "z:1", Votes: 1, Levels: []Level{{Steps: []Step{{Device: "pdu", Target: "3"}, {Device: "pdu", Target: "4"}}}}}
	fresh.Devices[1] = Device{Name: "pdu", Plugin: "pdu"}
	fresh.Devices[0].Mapping, fresh.Devices[0].EffectMS = "9", 5
	fresh.Timing.FailureTimeoutMS = 3000
	want := []string{
		"renames node a to web (id 1)", "node web: address x:1 -> x:2", "adds node d (id 3, address z:1, levels pdu[3]+pdu[4])", "removes node b (id 2)",
		"device bmc-a: what it reaches changes; what a drill proved about it is void", "device bmc-a: effect 0ms -> 5ms", "adds device pdu (plugin pdu)",
		"removes device bmc-b", "timing failure_timeout 2000ms -> 3000ms",
	}
	if got := Changes(old, fresh); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := Changes(old, old); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestSharedChangesInWords(t *testing.T) { // R18
	san := func(cut ...string) []Shared { return []Shared{{Name: "san", CutBy: [][]string{cut}}} }
	old, fresh := twoNodes(), twoNodes()
	fresh.Shared = san("fc-a")
	for _, c := range []struct {
		old, fresh Roster
		want       string
	}{
		{old, fresh, "adds shared san (cut by fc-a)"},
		{fresh, old, "removes shared san"},
		{fresh, Roster{Cluster: "c", Nodes: fresh.Nodes, Devices: fresh.Devices, Timing: fresh.Timing, Policy: fresh.Policy, Shared: san("fc-a", "fc-b")}, "shared san: cut by fc-a -> fc-a+fc-b"},
	} {
		if got := Changes(c.old, c.fresh); !slices.Equal(got, []string{c.want}) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Nothing of a roster may change without a word: every field of every part is changed once.
func TestEveryChangeHasAWord(t *testing.T) {
	for _, part := range []func(*Roster) any{
		func(r *Roster) any { return r }, func(r *Roster) any { return &r.Nodes[1] }, func(r *Roster) any { return &r.Devices[1] },
		func(r *Roster) any { return &r.Timing }, func(r *Roster) any { return &r.Policy },
	} {
		sample := twoNodes()
		typ := reflect.TypeOf(part(&sample)).Elem()
		for i := range typ.NumField() {
			fresh := twoNodes()
			f := reflect.ValueOf(part(&fresh)).Elem().Field(i)
			switch f.Kind() {
			case reflect.String:
				f.SetString("other")
			case reflect.Int, reflect.Int64:
				f.SetInt(77)
			case reflect.Uint32:
				f.SetUint(77)
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Slice:
				switch f.Interface().(type) {
				case []string:
					f.Set(reflect.ValueOf([]string{"san"}))
				case []Shared:
					f.Set(reflect.ValueOf([]Shared{{Name: "san", CutBy: [][]string{{"fc"}}}}))
				default:
					continue // parts of their own
				}
			case reflect.Pointer:
				f.Set(reflect.ValueOf(&Machine{UUID: "u", Virtual: true}))
			default:
				continue // parts of their own, and the version, which no hash covers
			}
			if got := Changes(twoNodes(), fresh); (len(got) == 0) != (fresh.Hash() == sample.Hash()) || len(got) == 0 || got[0] == somethingElse {
				t.Errorf("%s.%s changes without a word: %q", typ.Name(), typ.Field(i).Name, got)
			}
		}
	}
}

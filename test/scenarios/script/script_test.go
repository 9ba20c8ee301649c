package script

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const head3 = "proves S1.3\nnodes A B C\n"

// What bad input gets: the file, the line, and what exists.
func TestBadFilesSayWhereAndWhatExists(t *testing.T) {
	for name, c := range map[string]struct{ text, at, says string }{
		"unknown command":         {head3 + "start\nexplode A\n", "x.txt:4: ", `unknown command "explode"; there are ack, arm, boot, build, client,`},
		"unknown node":            {head3 + "start\n\nkill D\n", "x.txt:5: ", `unknown node "D"; there are A, B, C`},
		"unknown node behind at":  {head3 + "ack B at E\n", "x.txt:3: ", `unknown node "E"; there are A, B, C`},
		"unknown node in a group": {head3 + "cut A B | X\n", "x.txt:3: ", `unknown node "X"; there are A, B, C`},
		"node on no side":         {head3 + "cut A | B\n", "x.txt:3: ", "every node on one of at least two sides"},
		"node on two sides":       {head3 + "cut A B | B C\n", "x.txt:3: ", "B is on two sides"},
		"link to itself":          {head3 + "cut A -> A\n", "x.txt:3: ", "A always reaches itself"},
		"unknown device":          {head3 + "device ups-1 hang for 1s\n", "x.txt:3: ", `unknown device "ups-1"; there are bmc-A, bmc-B, bmc-C, pdu-1, pdu-2`},
		"unknown mode":            {head3 + "device bmc-A melted for 1s\n", "x.txt:3: ", `no device is "melted"; one can be fine, hang, ignore,`},
		"unknown effect":          {head3 + "kill A before lunch\n", "x.txt:3: ", `no effect is called "lunch"; there are announce,`},
		"unknown state":           {head3 + "expect A happy\n", "x.txt:3: ", `a node is never "happy"; it is caught-up, claimed,`},
		"unknown event":           {head3 + "until explosion node=A\n", "x.txt:3: ", `"explosion node=A" is no event; there are view, victim,`},
		"unknown event hidden":    {head3 + "hide explosions\nstart\n", "x.txt:3: ", `no event is called "explosions"; there are view,`},
		"field without value":     {head3 + "until victim node\n", "x.txt:3: ", `"node" is no field of an event: key=value`},
		"unknown setting":         {head3 + "set colour red\nstart\n", "x.txt:3: ", `nothing is called "colour"; there are attempt, attempts, boot,`},
		"setting too late":        {head3 + "start\nset ping 1s\n", "x.txt:4: ", "set stands before everything that happens"},
		"no time":                 {head3 + "wait soon\n", "x.txt:3: ", `"soon" is no time between 0 and 24h0m0s`},
		"negative time":           {head3 + "wait -1s\n", "x.txt:3: ", `"-1s" is no time`},
		"stays without a time":    {head3 + "stays A clean\n", "x.txt:3: ", "wants for how long"},
		"timings that contradict": {head3 + "set ping 3s\nstart\n", "x.txt:1: ", "failure_timeout (4000 ms) must be at least four times ping_interval (3000 ms)"},
		"two nodes":               {"proves S1.3\nnodes A B\nstart\n", "x.txt:1: ", "2 nodes: the embedded membership is simulated with 3 or more"},
		"one node":                {"proves S1.3\nset membership corosync\nnodes A\nstart\n", "x.txt:3: ", "1 nodes: clusters of 2 to 16 are simulated here"},
		"a node twice":            {"proves S1.3\nnodes A B A\nstart\n", "x.txt:2: ", `"A": a node's name is a capital letter`},
		"nodes twice":             {head3 + "nodes A B C\nstart\n", "x.txt:3: ", "nodes are named twice"},
		"no nodes":                {"proves S1.3\nstart\n", "x.txt:1: ", "no line says which nodes there are"},
		"proves nothing":          {"nodes A B C\nstart\n", "x.txt:1: ", "no line says what it proves"},
		"proves nonsense":         {"proves everything\nnodes A B C\nstart\n", "x.txt:1: ", `"everything" is no id of a scenario`},
		"nothing happens":         {head3, "x.txt:1: ", "nothing happens in it"},
		"too many seeds":          {head3 + "seeds 1000\nstart\n", "x.txt:3: ", "1 to 200"},
		"values backwards":        {head3 + "each k 5..1\nstart\n", "x.txt:3: ", "the smaller one first"},
		"bad value of a variable": {head3 + "each k 1..3\nstart\nkill A after $kx effects\n", "x.txt:5: ", `"1x" is no number between 1 and 10000`},
		"repeat of start":         {head3 + "repeat 3 every 1s start\n", "x.txt:3: ", `"start" cannot be repeated`},
		"level without a device":  {head3 + "node A levels bmc,\nstart\n", "x.txt:3: ", "an empty level; one without devices is called none"},
		"level of another device": {head3 + "node A levels ups\nstart\n", "x.txt:3: ", `no device is called "ups"; there are bmc, pdu-1, pdu-2`},
		"local what":              {head3 + "local on B at A\n", "x.txt:3: ", "wants off or reboot"},
		"local too much":          {head3 + "local off B at A force\n", "x.txt:3: ", `"force" is too much`},
		"no such build":           {head3 + "build C 9\n", "x.txt:3: ", "9"},
		"force misspelt":          {head3 + "off B at A forse\n", "x.txt:3: ", `"forse" is not force`},
		"settle with words":       {head3 + "settle down\n", "x.txt:3: ", `"down" is too much`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.txt", c.text)
			var p *Problem
			if !errors.As(err, &p) || !strings.HasPrefix(err.Error(), c.at) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s…%s", err, c.at, c.says)
			}
		})
	}
}

// play plays a text with one seed.
func playText(t *testing.T, text string) (string, error) {
	t.Helper()
	f, err := Parse("x.txt", head3+"seeds 1\n"+text)
	if err != nil {
		t.Fatal(err)
	}
	return f.Play(nil)
}

// What a file demands and does not see fails it, with line and seed: none of the commands that look is always content.
func TestWhatIsDemandedCanFail(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"until":             {"start\nuntil A victim within 5s\n", `x.txt:5: until A victim within 5s: within 5 s it did not come to "A victim"`},
		"until an event":    {"start\nuntil verdict node=A within 5s\n", "it did not come to"},
		"expect":            {"start\nexpect A not clean\n", `"A not clean" is false`},
		"expect not":        {"start\nexpect not A clean\n", `"A clean" is true`},
		"expect a count":    {"start\npanic C\nuntil verdict node=C\nexpect 0 verdict\n", `"0 verdict" is false`},
		"stays":             {"start\npanic C\nstays C not victim for 30s\n", "does not hold any more"},
		"never":             {"start\nnever victim node=C\npanic C\nwait 30s\n", `"victim node=C" was never to be seen again`},
		"never, in the end": {"start\nnever granted node=C\nnever granted life=C.b2\npanic C\n", `"granted life=C.b2" was never to be seen again`},
		"settle":            {"start\nlost C\nmains A off\nmains B off\nmains C off\nsettle within 1m\n", "not all is well after 60 s"},
		"the end":           {"start\nmains A off\nmains B off\n", "at the end: not all is well after 600 s"},
		"open":              {"start\nopen node 1 is a victim\n", `the file says that "node 1 is a victim" stays open; it is ""`},
		"restore":           {"start\nrestore A\n", "there is no copy of the store of A"},
		"nobody to ask":     {"start\nkill A masked\noff B at A\n", "no daemon runs on A that could be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			if log, err := playText(t, c.text); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s\n%s", err, c.says, log)
			}
		})
	}
}

// An event counts from the last line that did something, a number of events from the start.
func TestUntilLooksBackToWhatWasDone(t *testing.T) {
	log, err := playText(t, "start\npanic C\nuntil verdict node=C\nuntil clean node=C life=C.b2\nexpect verdict node=C\nstate A none\nexpect not verdict node=C\nexpect 1 verdict node=C\n")
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, want := range []string{"> panic C\n", "verdict node=C life=C.b1 op=1 cause=failed verdict=reset evidence=power-off-read device=bmc-C\n", "end node=C state=member lives=2\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// A log that is another one with another seed proves luck.
func TestALogThatDependsOnLatenciesIsRefused(t *testing.T) {
	f, err := Parse("x.txt", head3+"seeds 20\nshow frozen thawed\nstart\ncut A | B C\nwait 2s\nheal\nsettle\n") // who froze for a moment
	if err != nil {
		t.Fatal(err)
	}
	if log, err := f.Play(nil); err == nil || !strings.Contains(err.Error(), "x.txt: the log depends on latencies: with seed ") {
		t.Errorf("got %v\n%s", err, log)
	}
}

// Every value of the variable is played.
func TestEachPlaysEveryValue(t *testing.T) {
	f, err := Parse("x.txt", head3+"seeds 1\nhide everything\neach k 1..3\nstart\nexpect A lives $k\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Play(nil); err == nil || !strings.Contains(err.Error(), `x.txt:7: expect A lives 2: "A lives 2" is false (seed 0, $k = 2)`) {
		t.Errorf("got %v", err)
	}
}

func TestUpdateKeepsTheCommands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "S1.3.txt")
	for _, text := range []string{head3 + "start\n", head3 + "start\n--- log\nold\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Update(path, "new\n"); err != nil {
			t.Fatal(err)
		}
		f, err := Read(path)
		if err != nil || f.Log != "new\n" || len(f.lines) != 1 {
			t.Fatalf("%v: %+v", err, f)
		}
	}
}

func TestDifference(t *testing.T) {
	if d := Difference("a\nb\n", "a\nb\n"); d != "" {
		t.Errorf("equal logs differ: %s", d)
	}
	if d := Difference("a\nb\n", "a\nc\n"); !strings.Contains(d, "line 2 is\n    c") || !strings.Contains(d, "and not\n    b") {
		t.Errorf("%s", d)
	}
}

// FuzzParse: any text is a file or a problem with its line; nothing that parses makes the parser loop or panic.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("../S*.txt")
	for _, path := range files[:min(len(files), 12)] {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(head3 + "each k 0..9\nrepeat $k every 1s cut A | B C\n--- log\n")
	f.Add("proves S1.3\nnodes A B C\nuntil 3 view members=A,B\nstays not A for 1s\nopen")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("x.txt", text)
		var p *Problem
		switch {
		case err == nil && len(file.nodes) == 0:
			t.Error("a file without nodes")
		case err != nil && (!errors.As(err, &p) || p.Line < 1 || p.Line > strings.Count(text, "\n")+1):
			t.Errorf("%v", err)
		}
	})
}

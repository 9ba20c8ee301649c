package residual

import "testing"

// What a planned restart compares (R26): more, less or another thing in use is another print; who holds it, in which order it was found, hints and our own
// record are not in it.
func TestPrintIsWhatIsInUse(t *testing.T) {
	a := Finding{Probe: ProbeDLM, Path: "/sys/kernel/dlm/a", Class: ClassState, What: "dlm lockspace a"}
	b := Finding{Probe: ProbeGFS2, Path: "/sys/fs/gfs2/b", Class: ClassState, What: "gfs2 file system b"}
	held, renamed := a, a
	held.Why, held.Holders = "since then", []Holder{{PID: 7}}
	renamed.What = "dlm lockspace c"
	of := func(fs ...Finding) string { return Report{Findings: fs}.Print() }
	if of() != "" || of(Finding{Probe: ProbeSession, Class: ClassState}, Finding{Probe: ProbeDLM, Class: ClassHint}) != "" {
		t.Error("nothing in use has a print")
	}
	if of(a, b) != of(b, held) || of(a) == "" {
		t.Error("the same things in use have two prints")
	}
	for name, other := range map[string]string{"more": of(a, b), "another": of(renamed), "none": of(), "twice": of(a, a)} {
		if other == of(a) {
			t.Errorf("%s: the same print", name)
		}
	}
}

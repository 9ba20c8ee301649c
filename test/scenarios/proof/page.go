package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/test/scenarios/script"
)

// Page is where the page stands.
const Page = "docs/scenarios.md"

const head = `# Scenarios, and what proves them

This page is made by %[1]sgo run ./test/scenarios/list --write%[1]s; a test compares it. Change ids.txt, a scenario file or a marker instead.

Every situation that the system must survive has an id, and so has every rule ([the rules by name](reference/rules.md)). What proves one is a
scenario file of test/scenarios, or a test that says so in the last line of its doc comment: %[1]s// proves: S1.9, R13%[1]s. %[1]s// part of: S1.9%[1]s marks a test
that shows only a part: the scenario stays open until something proves it whole. A rule is proven by the tests that fail when it is broken:
each of its mutants (test/mutants) names the one that catches it.

Layers: *unit* one pure room by itself; *sim* the deciding code in the simulator; *shell* real processes, sockets or files; *e2e* whole clusters
in network namespaces; *systemd* a real one; *corosync* real rings; *vm* virtual machines.

%[1]sgo run ./test/scenarios/list --open%[1]s prints what is open, %[1]s--require S0,S1,S3,S5%[1]s fails if something of these is.

`

var families = []struct{ id, name string }{
	{"S0", "a crash in the middle of a join"}, {"S1", "partitions that meet again"}, {"S2", "state left over in the kernel, and ending oneself"},
	{"S3", "recovery of replicated state"}, {"S4", "the death of a core process"}, {"S5", "what the rules were made from"},
}

// Markdown is the page.
func (t *Table) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, head, "`")
	t.summary(&b)
	for _, f := range families {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| id | given | when | then | proven by |\n|---|---|---|---|---|\n", f.id, f.name)
		for _, s := range t.Scenarios {
			if strings.HasPrefix(s.ID, f.id+".") {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", s.ID, cell(s.Given), cell(s.When), cell(s.Then), t.proofs(s.ID))
			}
		}
	}
	b.WriteString("\n## The rules\n\n| rule | says | proven by |\n|---|---|---|\n")
	for _, r := range t.Rules {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, r.Says, t.proofs(r.ID))
	}
	t.language(&b)
	return b.String()
}

// summary says how much of each family is proven.
func (t *Table) summary(b *strings.Builder) {
	b.WriteString("| family | ids | proven | open |\n|---|---|---|---|\n")
	for _, f := range append(slices.Clone(families), struct{ id, name string }{"R", ""}) {
		ids, _ := t.Of(f.id)
		var open []string
		for _, id := range ids {
			if t.Open(id) {
				open = append(open, id)
			}
		}
		fmt.Fprintf(b, "| %s | %d | %d | %s |\n", f.id, len(ids), len(ids)-len(open), strings.Join(open, ", "))
	}
}

// cell makes a text fit for a cell of a table.
func cell(s string) string { return strings.NewReplacer("|", "/", "<", "&lt;", "_", "\\_").Replace(s) }

// proofs lists what proves an id, layer by layer.
func (t *Table) proofs(id string) string {
	var whole, part []string
	for _, p := range t.Proofs[id] {
		link := fmt.Sprintf("%s [%s](../%s)", p.Layer, p.Name, p.Path)
		switch {
		case p.Mutants > 1:
			link += fmt.Sprintf(" ×%d", p.Mutants)
			fallthrough
		case !p.Part:
			whole = append(whole, link)
		default:
			part = append(part, link)
		}
	}
	s := strings.Join(whole, "; ")
	if len(whole) == 0 {
		s = "**open**"
		if why := t.Why[id]; why != "" {
			s += ": " + why
		}
	}
	if len(part) > 0 {
		s += ". Parts: " + strings.Join(part, "; ")
	}
	return s
}

const language = `
## How to write one

A scenario is a text file, test/scenarios/ID.txt: what it proves, commands, then the log that they must give. It is played in the simulator with
several seeds. A seed changes only latencies, and the log must be the same with all of them; so it has no times, and numbers epochs and
operations from one. The checkers of the simulator judge every event, and at the end everything must be as it is when all is well, or as the
file says with %[1]sopen%[1]s. FENCED_UPDATE=1 writes the logs anew; whoever does so reads them against the "then" above: a log that records what is
wrong is a defect. FENCED_SEED=1 shows the simulator's whole trace of a scenario that fails.

    make scenarios RUN='S1.3'

What is proven must be in an %[1]sexpect%[1]s, %[1]suntil%[1]s, %[1]snever%[1]s or %[1]sstays%[1]s; the log shows the rest. %[1]suntil%[1]s sees what happened since the last line that did
something. Around a join or a boot, which takes seconds, use %[1]seach k 0..40%[1]s with %[1]swait $k00ms%[1]s: the file is played with each value.

First stand the lines that describe the cluster: %[1]sproves S1.3%[1]s, %[1]spart S1.3%[1]s, %[1]snodes A B C%[1]s, %[1]sseeds N%[1]s, %[1]seach NAME FROM..TO%[1]s, %[1]sset NAME VALUE%[1]s,
%[1]snode A off|deaf|critical|virtual|held|returns …|levels …%[1]s, %[1]shide EVENT…%[1]s (also %[1]slives%[1]s, %[1]severything%[1]s), %[1]sshow EVENT…%[1]s (also %[1]sactor%[1]s).
Events that are only blips are hidden from the start: %[2]s.
Then, one for each line:

%[3]s
A condition is %[1]sA [not] STATE%[1]s, %[1]sA lives N%[1]s, %[1]sview A B%[1]s, %[1]squorum%[1]s, %[1]sno quorum%[1]s, %[1]ssettled%[1]s, %[1]sEVENT [k=v…]%[1]s (since the last line that did
something) or %[1]sN EVENT [k=v…]%[1]s (in the whole log). The states: %[4]s.
The log has the words of [events](reference/events.md), and the truth that no daemon tells: %[1]sboot%[1]s, %[1]sswitched%[1]s (a device's effect), %[1]sself-fence%[1]s,
%[1]srejected%[1]s (an entry), %[1]sanswer%[1]s (what an administrator hears). %[1]son=%[1]s is the node that alone saw it.
`

// language says how a scenario is written.
func (t *Table) language(b *strings.Builder) {
	var commands strings.Builder
	for _, u := range script.Commands() {
		use, what, _ := strings.Cut(u, ": ")
		fmt.Fprintf(&commands, "- `%s`", use)
		if what != "" {
			fmt.Fprintf(&commands, ": %s", what)
		}
		commands.WriteString("\n")
	}
	fmt.Fprintf(b, language, "`", strings.Join(script.Quiet(), ", "), commands.String(), script.States())
}

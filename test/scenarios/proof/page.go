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

This page is made by ´go run ./test/scenarios/list --write´; a test compares it. Change ids.txt, a scenario file or a marker instead.

Every situation that the system must survive has an id, and so has every rule ([the rules by name](reference/rules.md)). What proves one is a
scenario file of test/scenarios, or a test that says so in the last line of its doc comment: ´// proves: S1.9, R13´. ´// part of: S1.9´ marks a test
that shows only a part: the scenario stays open until something proves it whole. A rule is proven by the tests that fail when it is broken:
each of its mutants (test/mutants) names the one that catches it. Two of these are named here for each layer;
´go run ./test/scenarios/list R13´ names all.

Layers: *unit* one pure room by itself; *sim* the deciding code in the simulator; *shell* real processes, sockets or files; *e2e* whole clusters
in network namespaces; *systemd* a real one; *corosync* real rings; *vm* virtual machines.

´go run ./test/scenarios/list --open´ prints what is open, ´--require S0,S1,S3,S5´ fails if something of these is.

`

var families = []struct{ id, name string }{
	{"S0", "a crash in the middle of a join"},
	{"S1", "partitions that meet again"},
	{"S2", "state left over in the kernel, and ending oneself"},
	{"S3", "recovery of replicated state"},
	{"S4", "the death of a core process"},
	{"S5", "what the rules were made from"},
}

// Markdown is the page.
func (t *Table) Markdown() string {
	var b strings.Builder
	b.WriteString(code(head))
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

// code puts back what a raw string cannot hold.
func code(s string) string { return strings.ReplaceAll(s, "´", "`") }

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

// mostMutants is how many of the tests that catch a rule's mutants are named for each layer: there are up to forty, and more every week.
const mostMutants = 2

// proofs lists what proves an id, layer by layer.
func (t *Table) proofs(id string) string {
	var whole, part []string
	mutants := map[string]int{}
	for _, p := range t.Proofs[id] {
		link := fmt.Sprintf("%s [%s](../%s)", p.Layer, p.Name, p.Path)
		if p.Part {
			part = append(part, link)
			continue
		}
		if p.Mutants > 0 {
			if mutants[p.Layer]++; mutants[p.Layer] > mostMutants {
				link = "more"
			}
		}
		if link != "more" || whole[len(whole)-1] != "more" {
			whole = append(whole, link)
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
file says with ´open´. FENCED_UPDATE=1 writes the logs anew; whoever does so reads them against the "then" above: a log that records what is
wrong is a defect. FENCED_SEED=1 shows the simulator's whole trace of a scenario that fails.

    make scenarios RUN='S1.3'

What is proven must be in an ´expect´, ´until´, ´never´ or ´stays´; the log shows the rest. ´until´ sees what happened since the last line that did
something. Around a join or a boot, which takes seconds, use ´each k 0..40´ with ´wait $k00ms´: the file is played with each value.

First stand the lines that describe the cluster: ´proves S1.3´, ´part S1.3´, ´nodes A B C´, ´seeds N´, ´each NAME FROM..TO´, ´set NAME VALUE´,
´node A off|deaf|critical|virtual|held|returns …|levels …´, ´hide EVENT…´ (also ´lives´, ´everything´), ´show EVENT…´ (also ´actor´).
Events that are only blips are hidden from the start: %[1]s.
Then, one for each line:

%[2]s
A condition is ´A [not] STATE´, ´A lives N´, ´view A B´, ´quorum´, ´no quorum´, ´settled´, ´EVENT [k=v…]´ (since the last line that did
something) or ´N EVENT [k=v…]´ (in the whole log). The states: %[3]s.
The log has the words of [events](reference/events.md), and the truth that no daemon tells: ´boot´, ´switched´ (a device's effect), ´self-fence´,
´rejected´ (an entry), ´answer´ (what an administrator hears). ´on=´ is the node that alone saw it.
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
	fmt.Fprintf(b, code(language), strings.Join(script.Quiet(), ", "), commands.String(), script.States())
}

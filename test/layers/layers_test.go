package layers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	module     = "github.com/fenced-project/fenced"
	canaryPath = module + "/test/layers/testdata/canary"
)

func table(t *testing.T) Table {
	t.Helper()
	rules, err := ReadTable("../layers.txt")
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func list(t *testing.T, prefix string, args ...string) []Package {
	t.Helper()
	ps, err := List("../..", prefix, args...)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// check runs all checks over ps. What pure rooms import has been compiled for its types.
func check(t *testing.T, rules Table, ps []Package) []error {
	t.Helper()
	var pure []string
	for _, p := range ps {
		if _, ok := rules.Pure(p.Rel); ok {
			pure = append(pure, p.ImportPath)
		}
	}
	compiled := list(t, "", append([]string{"-export", "-deps", "-e"}, pure...)...)
	errs := rules.CheckImports(module, ps)
	errs = append(errs, rules.CheckPure(module, ps, compiled)...)
	return append(errs, rules.CheckNever(ps)...)
}

// The house is as the table says: imports, purity, and what the daemon may not carry.
func TestHouse(t *testing.T) {
	ps := list(t, module, "./...")
	if len(ps) < 5 {
		t.Fatalf("go list found only %d packages: nothing would be checked", len(ps))
	}
	for _, err := range check(t, table(t), ps) {
		t.Error(err)
	}
}

// The holder of the watchdog carries x/sys and nothing more. What a vendor's plugin is made to carry is exactly what the table lists: a new module in the sdk is one in every plugin there is.
func TestWhatIsCarried(t *testing.T) {
	rules := table(t)
	for _, err := range rules.CheckCarry(module, "plugins/sdk", list(t, module, "-deps", "./plugins/sdk")) {
		t.Error(err)
	}
	for _, err := range rules.CheckCarry(module, "cmd/fenced-watchdog", list(t, module, "-deps", "./cmd/fenced-watchdog")) {
		t.Error(err)
	}
	ps := []Package{{Module: mod("a.example/x")}, {Module: mod("a.example/x")}, {Module: mod("c.example/z")}, {Module: mod(module)}, {Standard: true}}
	one := Table{{Kind: "carry", Room: "r", Names: []string{"a.example/x", "b.example/y"}}}
	if errs := one.CheckCarry(module, "r", ps); len(errs) != 2 || !strings.Contains(errs[0].Error(), "c.example/z") || !strings.Contains(errs[1].Error(), "b.example/y") {
		t.Errorf("one module too many and one too few give %v", errs)
	}
}

func mod(path string) *struct{ Path string } { return &struct{ Path string }{path} }

// Every canary is refused for exactly the reasons that its `want:` lines give: a check that finds nothing any more fails here.
func TestCanaries(t *testing.T) {
	rules := table(t)
	ps := list(t, canaryPath, "-e", "./test/layers/testdata/canary/...")
	if len(ps) < 10 {
		t.Fatalf("go list found only %d canaries", len(ps))
	}
	errs := check(t, rules, ps)
	for _, p := range ps {
		wants := readWants(t, p)
		var got []string
		for _, err := range errs {
			if strings.HasPrefix(err.Error(), p.Rel+" ") || strings.HasPrefix(err.Error(), p.Rel+"/x.go") {
				got = append(got, err.Error())
			}
		}
		for _, want := range wants {
			if !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("canary %s was not refused with %q, only with %q", p.Rel, want, got)
			}
		}
		if len(got) != len(wants) {
			t.Errorf("canary %s was refused %d times, wanted %d: %q", p.Rel, len(got), len(wants), got)
		}
		for _, g := range got {
			if !containsAny(g, wants) {
				t.Errorf("canary %s was refused with %q, which no want line asks for", p.Rel, g)
			}
		}
	}
}

var wantLine = regexp.MustCompile(`(?m)^// want: (.+)$`)

func readWants(t *testing.T, p Package) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.Dir, "x.go"))
	if err != nil {
		t.Fatal(err)
	}
	var wants []string
	for _, m := range wantLine.FindAllStringSubmatch(string(data), -1) {
		wants = append(wants, m[1])
	}
	if len(wants) == 0 && !strings.HasSuffix(p.Rel, "/fine") {
		t.Errorf("canary %s wants nothing", p.Rel)
	}
	return wants
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// A line that the table's reader does not understand is an error: a typo must not switch a rule off.
func TestReadTableRefuses(t *testing.T) {
	for _, bad := range []string{
		"room fence :",
		"room fence : :",
		"rooms fence : : why",
		"room : a : why",
		"room a : : why\nroom a : : why",
	} {
		path := filepath.Join(t.TempDir(), "layers.txt")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTable(path); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// Rooms that the table calls pure, and rooms that it names as importable, have a room line of their own.
func TestTableIsWhole(t *testing.T) {
	rules := table(t)
	for _, r := range rules {
		if r.Kind == "std" || r.Kind == "never" || r.Kind == "carry" {
			continue
		}
		if _, ok := rules.exact("room", r.Room); !ok {
			t.Errorf("%s %s has no room line", r.Kind, r.Room)
		}
		if r.Kind == "pure" {
			continue
		}
		for _, n := range r.Names {
			if _, ok := rules.exact("room", n); n != "*" && !ok {
				t.Errorf("%s %s names %s, which has no room line", r.Kind, r.Room, n)
			}
		}
	}
}

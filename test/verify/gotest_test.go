package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestStreamShowsWhatGoTestShows(t *testing.T) {
	in, err := os.Open("testdata/gotest.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var out bytes.Buffer
	var skips []Skip
	s := testStream{log: &out, skip: func(n, r string) { skips = append(skips, Skip{Name: n, Reason: r}) }}
	if err := s.read(in); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ok  \texample/good\t0.003s\n",
		"--- FAIL: TestBad (0.00s)\n",
		"    x_test.go:9: two is not three\n",
		"FAIL\texample/bad\t0.002s\n",
		"?   \texample/none\t[no test files]\n",
		"x.go:3:1: undefined: y\n",
		"go: words of its own\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
	for _, not := range []string{"chatter of a test that passed", "PASS\n", "=== RUN   TestGood"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("output has %q", not)
		}
	}
	want := []Skip{{Name: "netns", Reason: "not root"}, {Name: "example/good.TestOther", Reason: "in other words"}}
	if len(skips) != 2 || skips[0] != want[0] || skips[1] != want[1] {
		t.Errorf("skips %+v, want %+v", skips, want)
	}
}

func TestCleanEnv(t *testing.T) {
	got := strings.Join(cleanEnv([]string{"PATH=/bin", "MAKEFLAGS= -- RUN=x", "VERIFY_ONLY=vet", "FENCED_TEST_SLOW=3"}), " ")
	if got != "PATH=/bin FENCED_TEST_SLOW=3" {
		t.Errorf("environment %q", got)
	}
}

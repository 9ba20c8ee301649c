package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
)

func newWriter() http.ResponseWriter { return httptest.NewRecorder() }

func newRequest(body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/v1/requests", strings.NewReader(body))
}

func FuzzText(f *testing.F) {
	f.Add("a reason")
	f.Add("\x1b[2J")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if text("reason", s, 100, false) != nil {
			return
		}
		if len(s) > 100 || strings.ContainsFunc(s, unicode.IsControl) {
			t.Fatalf("%q was let in", s)
		}
		if p := printable(s, 64); len(p) > 64 || strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q is not printable", p)
		}
	})
}

package pdu

import (
	"encoding/json"
	"io"
	"net/http"
)

// Control is the HTTP side of the device, for tests: GET /counts gives Counts, POST /knob takes a list of knobs.
func (a *Agent) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.Counts())
	})
	mux.HandleFunc("POST /knob", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1024))
		if err == nil {
			var k Knobs
			if k, err = ParseKnobs(string(b)); err == nil {
				a.SetKnobs(k)
				return
			}
		}
		http.Error(w, err.Error(), http.StatusBadRequest)
	})
	return mux
}

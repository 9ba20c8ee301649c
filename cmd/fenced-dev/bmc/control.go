package bmc

import (
	"encoding/json"
	"io"
	"net/http"
)

// Control is the HTTP side of the device, for tests and the playground:
//
//	GET  /counts  {"off":n,"on":n,"status":n,"applied_off":n,"applied_on":n}
//	GET  /knob    the knobs, as text
//	POST /knob    the body is the new list of knobs; 400 says what is wrong with it
//	GET  /power   the machine's real power, on or off, asked of the switch and not counted
func (d *BMC) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d.Counts())
	})
	mux.HandleFunc("GET /knob", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, d.Knobs().String()+"\n")
	})
	mux.HandleFunc("POST /knob", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1024))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		k, err := ParseKnobs(string(b))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.SetKnobs(k)
		_, _ = io.WriteString(w, k.String()+"\n")
	})
	mux.HandleFunc("GET /power", func(w http.ResponseWriter, r *http.Request) {
		on, err := d.chassis.power.On(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, word(on)+"\n")
	})
	return mux
}

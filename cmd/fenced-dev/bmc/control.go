package bmc

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Controlled is what the HTTP side of a test device needs of it.
type Controlled struct {
	Counts   func() any
	Knobs    func() string
	SetKnobs func(list string) error
	Real     func(ctx context.Context) (bool, error)
}

// Control is the HTTP side of the device, for tests and the playground: see Controlled.Handler.
func (d *BMC) Control() http.Handler {
	return Controlled{
		Counts: func() any { return d.Counts() },
		Knobs:  func() string { return d.Knobs().String() },
		SetKnobs: func(list string) error {
			k, err := ParseKnobs(list)
			if err == nil {
				d.SetKnobs(k)
			}
			return err
		},
		Real: d.chassis.Real,
	}.Handler()
}

// Handler serves:
//
//	GET  /counts  {"logins":n,"unheard":n,"off":n,"on":n,"status":n,"applied_off":n,"applied_on":n}
//	GET  /knob    the knobs, as text
//	POST /knob    the body is the new list of knobs; 400 says what is wrong with it
//	GET  /power   the machine's real power, on or off, asked of the switch and not counted
func (c Controlled) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.Counts())
	})
	mux.HandleFunc("GET /knob", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, c.Knobs()+"\n")
	})
	mux.HandleFunc("POST /knob", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1024))
		if err == nil {
			err = c.SetKnobs(string(b))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, c.Knobs()+"\n")
	})
	mux.HandleFunc("GET /power", func(w http.ResponseWriter, r *http.Request) {
		on, err := c.Real(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, word(on)+"\n")
	})
	return mux
}

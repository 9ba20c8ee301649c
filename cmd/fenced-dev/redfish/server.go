package redfish

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
)

// maxSessions is how many sessions it gives at a time unless told otherwise: few, as BMCs do.
const maxSessions = 8

// Config is what a service is made of.
type Config struct {
	// Listen is the TCP address, host:port; port 0 chooses one.
	Listen string
	// User and Password are its one account, an administrator.
	User, Password string
	// Systems are the machines behind it, at least one, each with an ID of its own.
	Systems []System
	Knobs   Knobs
	// Sessions is how many it gives at a time; zero means 8.
	Sessions int
	// Certificate is shown to clients; without one it makes its own.
	Certificate *tls.Certificate
	// Wrap, where given, stands between the clients and the service: for tests that change what it says.
	Wrap func(http.Handler) http.Handler
	Log  *slog.Logger
}

// System is one machine behind the service.
type System struct {
	// ID is the last element of its path, as in /redfish/v1/Systems/ID.
	ID string
	// UUID and Serial identify it; "" is not said at all.
	UUID, Serial string
	// Restore is its PowerRestorePolicy, "" is not said at all.
	Restore string
	// Power is its switch.
	Power bmc.Switch
}

// Counts say what authenticated clients asked for, over all systems, and what became of sessions.
type Counts struct {
	bmc.Counts
	// Diag are the diagnostic interrupts asked for.
	Diag int `json:"diag"`
	// Opened and Closed are sessions so far; Open are those of now. Denied are requests with wrong credentials.
	Opened int `json:"sessions_opened"`
	Closed int `json:"sessions_closed"`
	Open   int `json:"sessions_open"`
	Denied int `json:"denied"`
}

// Server is a running service. End it with Close.
type Server struct {
	cfg         Config
	listener    net.Listener
	certificate tls.Certificate
	http        *http.Server
	ended       context.Context //nolint:containedctx // the server's own life: what hangs ends with it
	end         context.CancelFunc
	done        chan struct{}
	machines    []*machine

	mu     sync.Mutex
	knobs  Knobs
	tokens map[string]session // by token
	counts Counts             // without those of the machines
}

// machine is a system and what its switch does.
type machine struct {
	System
	chassis *bmc.Chassis
}

// Start begins to serve.
func Start(cfg Config) (*Server, error) {
	if len(cfg.Systems) == 0 || cfg.User == "" || cfg.Password == "" {
		return nil, errors.New("cannot start redfish: it needs a system, a user and a password")
	}
	if cfg.Sessions == 0 {
		cfg.Sessions = maxSessions
	}
	s := &Server{cfg: cfg, knobs: cfg.Knobs, tokens: map[string]session{}, done: make(chan struct{})}
	seen := map[string]bool{}
	for _, y := range cfg.Systems {
		if !goodID(y.ID) || seen[y.ID] {
			return nil, fmt.Errorf("cannot start redfish: %q is no id, or there twice", y.ID)
		}
		seen[y.ID] = true
		s.machines = append(s.machines, &machine{System: y, chassis: bmc.NewChassis(y.Power, cfg.Knobs.machine(), cfg.Log)})
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot start redfish: %w", err)
	}
	if cfg.Certificate != nil {
		s.certificate = *cfg.Certificate
	} else if s.certificate, err = SelfSigned(l.Addr().(*net.TCPAddr).IP); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.listener = l
	s.ended, s.end = context.WithCancel(context.Background())
	h := s.handler()
	if cfg.Wrap != nil {
		h = cfg.Wrap(h)
	}
	s.http = &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig:   &tls.Config{Certificates: []tls.Certificate{s.certificate}, MinVersion: tls.VersionTLS12},
		BaseContext: func(net.Listener) context.Context { return s.ended },
	}
	go func() {
		defer close(s.done)
		_ = s.http.ServeTLS(l, "", "") // ends by Close only
	}()
	return s, nil
}

func goodID(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_' {
			return false
		}
	}
	return id != "" && id != "." && id != ".."
}

// Addr is the TCP address it listens on.
func (s *Server) Addr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) }

// SetKnobs changes how it misbehaves from now on.
func (s *Server) SetKnobs(k Knobs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs = k
	for _, m := range s.machines {
		m.chassis.SetKnobs(k.machine())
	}
}

// Knobs says how it misbehaves.
func (s *Server) Knobs() Knobs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knobs
}

// Counts says what it was asked for.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Open = len(s.tokens)
	for _, m := range s.machines {
		n := m.chassis.Counts()
		c.Off += n.Off
		c.On += n.On
		c.Status += n.Status
		c.AppliedOff += n.AppliedOff
		c.AppliedOn += n.AppliedOn
	}
	return c
}

// Control is the HTTP side of the device, for tests and the playground; /power is that of its first system.
func (s *Server) Control() http.Handler {
	return bmc.Controlled{
		Counts: func() any { return s.Counts() },
		Knobs:  func() string { return s.Knobs().String() },
		SetKnobs: func(list string) error {
			k, err := ParseKnobs(list)
			if err == nil {
				s.SetKnobs(k)
			}
			return err
		},
		Real: s.machines[0].chassis.Real,
	}.Handler()
}

// Close ends it and whatever hangs in it. Call it once.
func (s *Server) Close() {
	s.end()
	_ = s.http.Close()
	<-s.done
	for _, m := range s.machines {
		m.chassis.Close()
	}
}

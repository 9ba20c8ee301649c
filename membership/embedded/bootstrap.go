package embedded

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/membership"
)

// Bootstrap makes a new domain of which this node's store is the first and only voter. It is done once for a cluster, by an operator's explicit
// command (R3, R4). The domain id is made at random if none is given. ErrHasDomain if this store belongs to one already.
func (p *Provider) Bootstrap(domain string) error {
	if domain == "" {
		domain = randomID() + randomID()
	}
	p.mu.Lock()
	have, closed, theirs := p.domain, p.closed, p.theirs
	p.mu.Unlock()
	if closed {
		return membership.ErrClosed
	}
	if have != "" {
		return ErrHasDomain
	}
	if theirs != "" { // this node lost its store, or is new here: a second domain would be a second cluster (R3)
		return fmt.Errorf("cannot bootstrap: the other nodes are in domain %s already, and this node joins them by itself", theirs)
	}
	if err := p.store.bootstrap(domain, p.mux.server); err != nil {
		return fmt.Errorf("cannot bootstrap: %w", err)
	}
	return p.enter(domain)
}

// Bootstrap makes a new domain on a store whose daemon does not run; see Provider.Bootstrap. It returns the domain's id.
func Bootstrap(cfg Config, domain string) (string, error) {
	cfg.fill()
	if err := cfg.check(); err != nil {
		return "", fmt.Errorf("cannot bootstrap: %w", err)
	}
	if domain == "" {
		domain = randomID() + randomID()
	}
	s, err := openStore(filepath.Join(cfg.StateDir, "raft"), 10*time.Second, nil, nil)
	if err != nil {
		return "", fmt.Errorf("cannot bootstrap: %w", err)
	}
	defer s.close()
	id, err := s.begin(cfg.Self.Node)
	if err == nil {
		err = s.bootstrap(domain, serverID(cfg.Self.Node, id.Store))
	}
	if err != nil {
		return "", fmt.Errorf("cannot bootstrap: %w", err)
	}
	return domain, nil
}

// enter starts Raft for a domain that the store has just got.
func (p *Provider) enter(domain string) error {
	p.mu.Lock()
	if p.domain != "" && p.domain != domain {
		p.mu.Unlock()
		return ErrHasDomain
	}
	p.domain = domain
	running := p.raft != nil
	p.mu.Unlock()
	if running {
		return nil
	}
	return p.startRaft()
}

package redfish

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const (
	root     = "/redfish/v1"
	systems  = root + "/Systems"
	sessions = root + "/SessionService/Sessions"
)

// document is one JSON object.
type document map[string]any

func ref(path string) document { return document{"@odata.id": path} }

// session is one that was given and not closed.
type session struct{ id, user string }

// handler is the whole service. Its root may be read by everybody, and everybody may ask for a session.
func (s *Server) handler() http.Handler {
	open := http.NewServeMux()
	open.HandleFunc("GET "+root+"/{$}", s.getRoot)
	open.HandleFunc("GET "+root, s.getRoot)
	open.HandleFunc("POST "+sessions, s.login)
	closed := http.NewServeMux()
	closed.HandleFunc("GET "+root+"/SessionService", s.getSessionService)
	closed.HandleFunc("GET "+sessions, s.getSessions)
	closed.HandleFunc("DELETE "+sessions+"/{id}", s.logout)
	closed.HandleFunc("GET "+systems, s.getSystems)
	closed.HandleFunc("GET "+systems+"/{id}", s.getSystem)
	closed.HandleFunc("POST "+systems+"/{id}/Actions/ComputerSystem.Reset", s.reset)
	closed.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no "+r.URL.Path)
	})
	open.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if !s.known(r) {
			fail(w, http.StatusUnauthorized, "NoValidSession", "there is no valid session established with the implementation")
			return
		}
		closed.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.delayed(r) {
			open.ServeHTTP(w, r)
			return
		}
		if s.Knobs().Unavailable {
			w.Header().Set("Retry-After", "30")
			fail(w, http.StatusServiceUnavailable, "ServiceTemporarilyUnavailable", "the service is temporarily unavailable")
		}
	})
}

// delayed is false where a knob says that there is no true answer: because it hangs, or serves nobody.
func (s *Server) delayed(r *http.Request) bool {
	k := s.Knobs()
	switch {
	case k.Hang:
		select {
		case <-r.Context().Done(): // the client gave up, or the server ends
		case <-s.ended.Done():
		}
		return false
	case k.Slow > 0:
		t := time.NewTimer(k.Slow)
		defer t.Stop()
		select {
		case <-s.ended.Done():
			return false
		case <-t.C: // also for a client that gave up: a session that it asked for is given to nobody
		}
	}
	return !k.Unavailable
}

// known says whether a request comes with a session's token or the account's password.
func (s *Server) known(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.knobs.Unauthorized {
		s.counts.Denied++
		return false
	}
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		_, ok := s.tokens[token]
		return ok
	}
	user, password, given := r.BasicAuth()
	if given && s.right(user, password) {
		return true
	}
	if given {
		s.counts.Denied++
	}
	return false
}

// right says whether this is the account; s.mu is held.
func (s *Server) right(user, password string) bool {
	return !s.knobs.Auth && subtle.ConstantTimeCompare([]byte(user), []byte(s.cfg.User))&subtle.ConstantTimeCompare([]byte(password), []byte(s.cfg.Password)) == 1
}

func (s *Server) getRoot(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, document{
		"@odata.id": root + "/", "@odata.type": "#ServiceRoot.v1_9_0.ServiceRoot", "Id": "RootService", "Name": "fenced-dev", "RedfishVersion": "1.8.0",
		"Systems": ref(systems), "SessionService": ref(root + "/SessionService"), "Links": document{"Sessions": ref(sessions)},
	})
}

func (s *Server) getSessionService(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, document{
		"@odata.id": root + "/SessionService", "@odata.type": "#SessionService.v1_1_6.SessionService", "Id": "SessionService", "Name": "Sessions",
		"ServiceEnabled": true, "SessionTimeout": 300, "Sessions": ref(sessions),
	})
}

func (s *Server) getSessions(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	members := []document{}
	for _, x := range s.tokens {
		members = append(members, ref(sessions+"/"+x.id))
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, collection(sessions, "#SessionCollection.SessionCollection", members))
}

func collection(path, kind string, members []document) document {
	return document{"@odata.id": path, "@odata.type": kind, "Name": "Collection", "Members": members, "Members@odata.count": len(members)}
}

// login gives a session, if the account is right and there is room.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var b struct{ UserName, Password string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&b); err != nil {
		fail(w, http.StatusBadRequest, "MalformedJSON", "the request body is no JSON")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Logins++
	switch {
	case s.knobs.Unauthorized || !s.right(b.UserName, b.Password):
		s.counts.Denied++
		fail(w, http.StatusUnauthorized, "ResourceAtUriUnauthorized", "invalid user name or password")
		return
	case s.knobs.Full || len(s.tokens) >= s.cfg.Sessions:
		fail(w, http.StatusServiceUnavailable, "SessionLimitExceeded", "the number of simultaneous sessions is exceeded")
		return
	}
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	s.counts.Opened++
	x := session{id: strconv.Itoa(s.counts.Opened), user: b.UserName}
	token := hex.EncodeToString(raw)
	if s.knobs.Forget {
		s.counts.Closed++
	} else {
		s.tokens[token] = x
	}
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", sessions+"/"+x.id)
	reply(w, http.StatusCreated, document{
		"@odata.id": sessions + "/" + x.id, "@odata.type": "#Session.v1_3_0.Session", "Id": x.id, "Name": "Session", "UserName": x.user,
	})
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, x := range s.tokens {
		if x.id == r.PathValue("id") {
			delete(s.tokens, token)
			s.counts.Closed++
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	fail(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no such session")
}

func reply(w http.ResponseWriter, status int, d document) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("OData-Version", "4.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(d) // the client may be gone
}

// fail answers as the specification wants errors: a code of the base registry and a sentence.
func fail(w http.ResponseWriter, status int, code, text string) {
	reply(w, status, document{"error": document{
		"code": "Base.1.8.GeneralError", "message": "see extended information",
		"@Message.ExtendedInfo": []document{{"MessageId": "Base.1.8." + code, "Message": text}},
	}})
}

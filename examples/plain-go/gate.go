package main

import (
	"crypto/subtle"
	"net/http"
)

const (
	healthPath   = "/health"
	eventsPath   = "/_events"
	channelPath  = "/_temps/channel"
	reservedPath = "/_temps"
)

// proof is what a header says about who sent it.
type proof int

const (
	absent proof = iota
	wrong
	right
)

// gate compares what a request brings with the secret.
type gate struct {
	secret  []byte
	dialect int
}

// admits tells whether a request may go on; if not it is owed a 401, wherever it goes [AU-07].
func (g gate) admits(r *http.Request) bool {
	path := r.URL.EscapedPath()
	if path == healthPath && isRead(r) {
		return true // [AU-08]
	}
	signature := g.proof(r, "X-Temps-Auth-Signature")
	switch {
	case g.dialect == 2:
		return signature == right // [AU-02, AU-03, AU-20]
	case path != eventsPath:
		return signature != wrong // [AU-10, AU-11]
	default:
		token := g.proof(r, "X-Temps-Auth")
		return (signature == right || token == right) && signature != wrong && token != wrong // [AU-16 to AU-19]
	}
}

// proof looks at a header, in constant time [AU-04]. Names with underscores are other names [AU-14].
func (g gate) proof(r *http.Request, header string) proof {
	values := r.Header.Values(header)
	if len(values) == 0 {
		return absent
	}
	equal := 1
	for _, value := range values {
		equal &= subtle.ConstantTimeCompare([]byte(value), g.secret)
	}
	if equal == 1 {
		return right
	}
	return wrong
}

// isRead tells that a request is a GET, or a HEAD, which is one without the body.
func isRead(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

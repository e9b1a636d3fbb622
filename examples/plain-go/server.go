package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

const bodyBytes = 16 << 20

// plugin is the plugin from its open socket to its exit.
type plugin struct {
	socketPath  string
	gate        gate
	channel     *channel
	events      *eventQueue
	deployments *deployments
	server      *http.Server
	listener    net.Listener
	underWay    counter
}

func newPlugin(arguments arguments, secret string) *plugin {
	p := &plugin{
		socketPath: arguments.socketPath,
		gate:       gate{[]byte(secret), arguments.dialect()},
	}
	p.channel = newChannel(arguments.dialect(), func(e event) { p.events.put(e) })
	p.deployments = loadDeployments(arguments.dataDir, p.channel.call)
	p.events = newEventQueue(p.deployments.onEvent)
	return p
}

// serve answers whoever connects, from now on [SO-01, HT-01].
func (p *plugin) serve(listener net.Listener) {
	p.listener = listener
	p.server = &http.Server{
		Handler:  http.HandlerFunc(p.answer),
		ErrorLog: log.New(serverLog{}, "", 0),
		// `OPTIONS *` is owed a 401 like everything else [AU-07].
		DisableGeneralOptionsHandler: true,
	}
	go p.events.deliver()
	go func() {
		if err := p.server.Serve(listener); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			logLine("error", "the socket is served no more", "error", err.Error())
		}
	}()
}

func (p *plugin) removeSocket() { os.Remove(p.socketPath) }

// answer answers one request, and then serves the channel or passes over a body that nobody has read.
// Neither counts as a request under way [LC-06].
func (p *plugin) answer(w http.ResponseWriter, r *http.Request) {
	p.underWay.add(1)
	takeOver := p.route(w, r)
	p.underWay.add(-1)
	switch {
	case takeOver != nil:
		takeOver()
	case r.Header.Get("Expect") == "":
		// For the sake of the next request. A caller who waits for leave to send the body, and has
		// had an answer instead, won't.
		_, _ = io.CopyN(io.Discard, r.Body, 4*bodyBytes)
	}
}

// route says who answers which path. Nothing reserved gets to author code [HT-11, AU-09]. It returns
// what is to be done with the connection when that has been taken over.
func (p *plugin) route(w http.ResponseWriter, r *http.Request) (takeOver func()) {
	defer recoverHandler(w)
	// net/http would read up to 256 KiB of a body before it answers [AU-05].
	_ = http.NewResponseController(w).EnableFullDuplex()
	path := r.URL.EscapedPath()
	switch {
	case !p.gate.admits(r):
		problem(w, http.StatusUnauthorized, "the host has to prove itself")
	case path == healthPath:
		if only(w, r, http.MethodGet, http.MethodHead) {
			respond(w, http.StatusOK, "text/plain", []byte("ok")) // [HT-03, HT-34]
		}
	case path == eventsPath:
		if only(w, r, http.MethodPost) {
			p.takeEvent(w, r) // [HT-15]
		}
	case path == channelPath:
		return p.upgrade(w, r)
	case path == reservedPath || strings.HasPrefix(path, reservedPath+"/"):
		problem(w, http.StatusNotFound, "there is no such route") // [HT-16]
	default:
		p.deployments.answer(w, r)
	}
	return nil
}

// recoverHandler answers 500 for a handler that panics before it has answered [HT-21 to HT-23].
func recoverHandler(w http.ResponseWriter) {
	if cause := recover(); cause != nil {
		logLine("error", "a handler failed", "error", fmt.Sprint(cause))
		problem(w, http.StatusInternalServerError, "the handler failed")
	}
}

// takeEvent takes an event over, or says why it is none [EV-32 to EV-36].
func (p *plugin) takeEvent(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytes))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a body of more than %d bytes", bodyBytes))
		return
	case err != nil:
		problem(w, http.StatusBadRequest, "the body did not come whole")
		return
	}
	taken, err := parseEvent(body)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	p.events.put(taken)
	respond(w, http.StatusOK, "application/json", []byte("{}"))
}

// upgrade lets the channel have the connection [CH-02, CH-03, HT-16].
func (p *plugin) upgrade(w http.ResponseWriter, r *http.Request) (takeOver func()) {
	accept, proper := acceptKey(r)
	if !proper {
		problem(w, http.StatusBadRequest, "this is for WebSocket upgrades, version 13")
		return nil
	}
	if !p.channel.reserve() {
		problem(w, http.StatusConflict, "there is a live channel")
		return nil
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.channel.release()
		panic(err)
	}
	return func() { p.channel.run(connection, buffered.Reader, accept) }
}

// only refuses other methods than these.
func only(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, method := range methods {
		if r.Method == method {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	problem(w, http.StatusMethodNotAllowed, "only "+strings.Join(methods, " and "))
	return false
}

// problem answers with a problem document (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
	if err == nil {
		respond(w, status, "application/problem+json", body)
	}
}

// respond writes a whole response, down to the socket: when it returns, stopping loses nothing.
func respond(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush()
}

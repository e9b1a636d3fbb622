package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

const callLimit = 10 * time.Second

// callError says why a call has no result. code is the host's own when it was the host that said no,
// also one that PROTOCOL.md does not list [CH-45, CH-46].
type callError struct {
	code    string
	message string
}

func (e callError) Error() string {
	if e.code == "" {
		return e.message
	}
	return e.code + ": " + e.message
}

var (
	errNoChannel = callError{message: "there is no channel"}
	errLost      = callError{message: "the channel was lost"}
)

// reply is what came of a call.
type reply struct {
	result json.RawMessage
	err    error
}

type waitingCall struct {
	method string
	answer chan reply // Has room for an answer or the channel's end, and for a write that fails.
}

// channel is the place for the one live channel there may be, and the calls that wait for an answer.
type channel struct {
	dialect int
	onEvent func(event)
	opened  chan struct{} // Closed for good by the first channel [CH-11].
	once    sync.Once

	mutex    sync.Mutex
	reserved bool // Set from before the upgrade is answered until the connection has ended.
	live     *webSocket
	ended    chan struct{}
	pending  map[uint64]waitingCall
	lastID   uint64
}

func newChannel(dialect int, onEvent func(event)) *channel {
	return &channel{
		dialect: dialect,
		onEvent: onEvent,
		opened:  make(chan struct{}),
		pending: map[uint64]waitingCall{},
	}
}

// reserve takes the place, unless it is taken [CH-03].
func (c *channel) reserve() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.reserved {
		return false
	}
	c.reserved = true
	return true
}

func (c *channel) release() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.reserved, c.live = false, nil
	for _, call := range c.pending {
		call.answer <- reply{err: errLost} // [CH-06]
	}
	c.pending = map[uint64]waitingCall{}
}

// run serves a connection until it ends [CH-04, CH-05]. The place is reserved.
func (c *channel) run(connection net.Conn, reader *bufio.Reader, accept string) {
	ended := make(chan struct{})
	defer close(ended)
	defer connection.Close()
	defer logLine("info", "the channel has ended")
	defer c.release()
	_ = connection.SetDeadline(time.Time{})
	_, err := io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n"+
		"upgrade: websocket\r\nsec-websocket-accept: "+accept+"\r\n\r\n")
	if err != nil {
		return
	}
	live := &webSocket{connection: connection, reader: reader}
	c.mutex.Lock()
	c.live, c.ended = live, ended
	c.mutex.Unlock()
	c.once.Do(func() { close(c.opened) })
	logLine("info", "the channel is open")
	for err == nil {
		var message []byte
		var isText bool
		if message, isText, err = live.receive(); err == nil {
			c.take(message, isText)
		}
	}
	var violation broken
	if errors.As(err, &violation) {
		logLine("warning", "the host broke the channel", "reason", violation.reason)
		_ = live.sendClose(closeCode(violation.code))
	}
}

// close ends the channel with a close frame before the process goes [LC-10].
func (c *channel) close() {
	c.mutex.Lock()
	live, ended := c.live, c.ended
	c.mutex.Unlock()
	if live == nil {
		return
	}
	_ = live.connection.SetWriteDeadline(time.Now().Add(closeLimit))
	_ = live.sendClose(closeCode(goingAway))
	select {
	case <-ended:
	case <-time.After(closeLimit):
	}
}

// call asks the host and waits for its answer, which may come in any order and not for ever [CH-29,
// CH-48, CH-50]. An error is a callError.
func (c *channel) call(method string, params map[string]any) (json.RawMessage, error) {
	call := waitingCall{method, make(chan reply, 2)}
	c.mutex.Lock()
	live := c.live
	if live == nil {
		c.mutex.Unlock()
		return nil, errNoChannel // At once [CH-07].
	}
	c.lastID++ // [CH-20, CH-21]
	id := c.lastID
	c.pending[id] = call
	c.mutex.Unlock()
	defer c.forget(id)

	text, err := encodeRequest(c.dialect, id, method, params)
	if err != nil {
		return nil, callError{message: err.Error()}
	}
	// Writing waits for a host that does not read; the limit is for all of the call.
	go func() {
		if live.send(opText, text) != nil {
			call.answer <- reply{err: errLost}
		}
	}()
	select {
	case answer := <-call.answer:
		return answer.result, answer.err
	case <-time.After(callLimit):
		return nil, callError{message: fmt.Sprintf("no answer within %s", callLimit)}
	}
}

// forget drops a call nobody waits for any more [CH-52].
func (c *channel) forget(id uint64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.pending, id)
}

// take does what a message asks for; what can't be read is skipped and logged [CH-30 to CH-33].
func (c *channel) take(message []byte, isText bool) {
	if err := c.understand(message, isText); err != nil {
		logLine("warning", "skipped a message of the host", "reason", err.Error())
	}
}

func (c *channel) understand(message []byte, isText bool) error {
	if !isText {
		return errors.New("a binary message")
	}
	members := parseObject(message)
	kind, _ := members.text("type")
	switch kind {
	case "event":
		taken, err := parseEvent(members["event"])
		if err == nil {
			c.onEvent(taken)
		}
		return err
	case "response":
		return c.complete(members)
	}
	return errors.New("neither an event nor a response")
}

func (c *channel) complete(members object) error {
	id, err := strconv.ParseUint(string(members["id"]), 10, 64)
	c.mutex.Lock()
	call, found := c.pending[id]
	delete(c.pending, id)
	c.mutex.Unlock()
	if err != nil || !found {
		return errors.New("a response to no call under way") // [CH-31]
	}
	result, err := readOutcome(c.dialect, call.method, members)
	call.answer <- reply{result, err}
	return nil
}

// encodeRequest makes a request as the dialect writes it [CH-18, CH-19, CH-22, CH-23].
func encodeRequest(dialect int, id uint64, method string, params map[string]any) ([]byte, error) {
	if dialect == 1 {
		return json.Marshal(map[string]any{"type": "request", "id": id, "method": method, "params": params})
	}
	call := map[string]any{"method": method, "params": params}
	return json.Marshal(map[string]any{"type": "request", "id": id, "call": call})
}

// readOutcome returns the result in a response. For an error, and for what is neither, it returns a
// callError [CH-34, CH-35].
func readOutcome(dialect int, method string, response object) (json.RawMessage, error) {
	from, errorMember := response, "error"
	var result json.RawMessage
	var found bool
	if dialect == 1 {
		result, found = response["result"]
	} else {
		from, errorMember = parseObject(response["outcome"]), "err"
		ok := parseObject(from["ok"])
		if result, found = ok["result"]; found {
			if answered, _ := ok.text("method"); answered != method {
				return nil, callError{message: fmt.Sprintf("asked for %s, answered for %s", method, answered)}
			}
		}
	}
	if from.isNull(errorMember) && found {
		return result, nil
	}
	failure := parseObject(from[errorMember])
	code, hasCode := failure.text("code")
	message, hasMessage := failure.text("message")
	if !hasCode || !hasMessage {
		return nil, callError{message: "the answer to " + method + " has neither a result nor an error"}
	}
	return nil, callError{code, message}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// event is what happened, as the host tells it.
type event struct {
	id        string
	eventType string
	timestamp string
	projectID *int32
	data      json.RawMessage
}

// parseEvent reads an envelope, leniently where nothing depends on it [EV-06 to EV-14].
func parseEvent(envelope []byte) (event, error) {
	members := parseObject(envelope)
	if members == nil {
		return event{}, errors.New("an event that is no JSON object")
	}
	texts := map[string]string{}
	for _, member := range []string{"id", "event_type", "timestamp"} {
		text, found := members.text(member)
		if !found || (text == "" && member != "timestamp") {
			return event{}, fmt.Errorf("an event whose %s is no text or empty", member)
		}
		texts[member] = text
	}
	parsed := event{id: texts["id"], eventType: texts["event_type"], timestamp: texts["timestamp"]}
	if !members.isNull("project_id") && json.Unmarshal(members["project_id"], &parsed.projectID) != nil {
		return event{}, errors.New("an event whose project_id is no integer of 32 bits")
	}
	parsed.data = json.RawMessage("{}")
	if data, found := members["data"]; found {
		parsed.data = data
	}
	return parsed, nil
}

// eventQueue hands events to author code one at a time, in the order in which they came [EV-22]. It is
// not bounded: what a host has written is not to be lost, and an envelope is small.
type eventQueue struct {
	handler  func(event)
	underWay counter // Events that are waiting or in the handler's hands.
	mutex    sync.Mutex
	waiting  []event
	arrived  chan struct{} // Has room for one: there is something, however much.
}

func newEventQueue(handler func(event)) *eventQueue {
	return &eventQueue{handler: handler, arrived: make(chan struct{}, 1)}
}

func (q *eventQueue) put(e event) {
	q.underWay.add(1)
	q.mutex.Lock()
	q.waiting = append(q.waiting, e)
	q.mutex.Unlock()
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// deliver works for ever. Beside it the channel is read, so that handlers can make calls [EV-26].
func (q *eventQueue) deliver() {
	for range q.arrived {
		q.mutex.Lock()
		batch := q.waiting
		q.waiting = nil
		q.mutex.Unlock()
		for _, next := range batch {
			q.hand(next)
		}
	}
}

// hand gives one event to the handler. Whatever comes of it, the next one follows [EV-23 to EV-25].
func (q *eventQueue) hand(e event) {
	defer q.underWay.add(-1)
	defer func() {
		if cause := recover(); cause != nil {
			logLine("error", "an event handler failed", "event", e.id, "error", fmt.Sprint(cause))
		}
	}()
	q.handler(e)
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResultsAndErrorsOfBothDialects(t *testing.T) {
	for dialect, texts := range map[int][2]string{
		1: {`{"result":7}`, `{"error":{"code":"brand_new","message":"no"}}`},
		2: {`{"outcome":{"ok":{"method":"m","result":7}}}`, `{"outcome":{"err":{"code":"brand_new","message":"no"}}}`},
	} {
		if result, err := readOutcome(dialect, "m", parseObject([]byte(texts[0]))); err != nil || string(result) != "7" {
			t.Errorf("dialect %d: %s, %v", dialect, result, err)
		}
		_, err := readOutcome(dialect, "m", parseObject([]byte(texts[1])))
		if err != (callError{"brand_new", "no"}) {
			t.Errorf("dialect %d: %v", dialect, err)
		}
	}
}

func TestAnotherMethodAndNoOutcomeFailTheCall(t *testing.T) {
	_, err := readOutcome(2, "m", parseObject([]byte(`{"outcome":{"ok":{"method":"other","result":7}}}`)))
	if err == nil || err.Error() != "asked for m, answered for other" {
		t.Error(err)
	}
	for _, text := range []string{`{}`, `{"outcome":{}}`, `{"outcome":7}`, `{"error":"x"}`, `{"outcome":{"err":{}}}`} {
		for dialect := 1; dialect <= 2; dialect++ {
			_, err := readOutcome(dialect, "m", parseObject([]byte(text)))
			if err == nil || !strings.Contains(err.Error(), "neither") {
				t.Errorf("dialect %d, %s: %v", dialect, text, err)
			}
		}
	}
}

func TestACallWithoutAChannelFailsAtOnce(t *testing.T) {
	_, err := newChannel(1, nil).call("m", nil)
	if !errors.Is(err, errNoChannel) {
		t.Error(err)
	}
}

func TestOddEnvelopesAreEventsAndBrokenOnesAreNot(t *testing.T) {
	bare, err := parseEvent([]byte(`{"id":"x","event_type":"a","timestamp":"","more":1}`))
	if err != nil || bare.projectID != nil || string(bare.data) != "{}" {
		t.Errorf("%+v, %v", bare, err)
	}
	for _, text := range []string{
		``, `[]`, `{}`,
		`{"id":"","event_type":"a","timestamp":"t"}`,
		`{"id":7,"event_type":"a","timestamp":"t"}`,
		`{"id":"x","event_type":"a","timestamp":null}`,
		`{"id":"x","event_type":"a","timestamp":"t","project_id":"7"}`,
		"{\"id\":\"\xff\",\"event_type\":\"a\",\"timestamp\":\"t\"}",
	} {
		if parsed, err := parseEvent([]byte(text)); err == nil {
			t.Errorf("%s is %+v", text, parsed)
		}
	}
}

func TestAHandlerThatPanicsKeepsNobodyWaiting(t *testing.T) {
	seen := make(chan string, 2)
	queue := newEventQueue(func(e event) {
		seen <- e.eventType
		panic("no")
	})
	queue.put(event{eventType: "a"})
	queue.put(event{eventType: "b"})
	go queue.deliver()
	if first, second := <-seen, <-seen; first != "a" || second != "b" {
		t.Errorf("%s, then %s", first, second)
	}
}

func TestDeploymentsAreKeptAndNamed(t *testing.T) {
	call := func(_ string, params map[string]any) (json.RawMessage, error) {
		if params["project_id"] == int32(8) {
			return nil, callError{"permission_denied", "no"}
		}
		return json.RawMessage(`{"name":"shop"}`), nil
	}
	dir := t.TempDir()
	known := loadDeployments(dir, call)
	tell := func(number int, project int32) {
		data := fmt.Sprintf(`{"deployment_id":%d}`, number)
		known.onEvent(event{eventType: "deployment.ready", projectID: &project, data: json.RawMessage(data)})
	}
	for number := 0; number < kept+5; number++ {
		tell(number, 7)
	}
	tell(50, 8)
	known.save()
	again := loadDeployments(dir, call).known
	if len(again) != kept {
		t.Fatalf("%d are kept", len(again))
	}
	numbers := map[int64]bool{}
	for _, one := range again {
		numbers[one.ID] = true
	}
	if len(numbers) != kept {
		t.Errorf("%d are kept of %d deployments", kept, len(numbers))
	}
	last, before := again[kept-1], again[kept-2]
	if last.ID != 50 || last.Project != nil || before.ID != 104 || *before.Project != "shop" {
		t.Errorf("%+v, then %+v", before, last)
	}
}

func TestAFileThatCannotBeReadIsNoReasonNotToStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "deployments.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if known := loadDeployments(dir, nil).known; len(known) != 0 {
		t.Error(known)
	}
}

package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"
)

// logLine writes one line of JSON to standard error, never with the secret in it [IO-06, IO-07,
// IO-09]. more are names and values in turn.
func logLine(level, message string, more ...string) {
	record := map[string]string{
		"timestamp": time.Now().UTC().Format(time.RFC3339),
		"level":     level,
		"plugin":    name,
		"message":   message,
	}
	for i := 0; i+1 < len(more); i += 2 {
		record[more[i]] = more[i+1]
	}
	line, err := json.Marshal(record)
	if err == nil {
		// Nobody may be reading any more, which is no reason to stop.
		_, _ = os.Stderr.Write(append(line, '\n'))
	}
}

// serverLog takes what net/http has to say, such as that it is out of descriptors.
type serverLog struct{}

func (serverLog) Write(text []byte) (int, error) {
	logLine("warning", strings.TrimSpace(string(text)))
	return len(text), nil
}

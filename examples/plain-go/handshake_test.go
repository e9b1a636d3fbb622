package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
)

var secret = strings.Repeat("s", 32)

func TestFlagsInBothSpellings(t *testing.T) {
	found, err := parseArguments([]string{
		"--socket-path", "/s", "word", "--x=1", "--data-dir=/d", "--y", "--auth-secret=a=b",
	})
	if err != nil || found.socketPath != "/s" || found.dataDir != "/d" || found.authSecret != "a=b" {
		t.Errorf("%+v, %v", found, err)
	}
	if found.dialect() != 1 || strings.Join(found.unknown, " ") != "--x --y" {
		t.Errorf("dialect %d, unknown %v", found.dialect(), found.unknown)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for flag, words := range map[string][]string{
		"--socket-path": {"--socket-path", "--data-dir", "/d"},
		"--data-dir":    {"--socket-path", "/s", "--data-dir"},
		"--auth-secret": {"--socket-path", "/s", "--data-dir", "/d", "--auth-secret="},
	} {
		if _, err := parseArguments(words); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%v: %v", words, err)
		}
	}
}

// launchLine is a proper one with changes.
func launchLine(change map[string]any) string {
	line := map[string]any{"protocol_version": 2, "auth_secret": secret, "database_url": nil}
	for member, value := range change {
		line[member] = value
	}
	text, _ := json.Marshal(line)
	return string(text)
}

func TestAProperLaunchLineGivesTheSecret(t *testing.T) {
	found, err := judgeLaunchLine([]byte(launchLine(map[string]any{"more": 1}) + "\r"))
	if err != nil || found != secret {
		t.Errorf("%q, %v", found, err)
	}
}

func TestEveryOtherLaunchLineIsRefusedWithoutBeingQuoted(t *testing.T) {
	for what, line := range map[string]string{
		"nothing":                "",
		"a list":                 "[2]",
		"null":                   "null",
		"no UTF-8":               strings.Replace(launchLine(nil), "null", "\"\xff\"", 1),
		"a version in words":     launchLine(map[string]any{"protocol_version": "2"}),
		"another version":        launchLine(map[string]any{"protocol_version": 1}),
		"no version":             launchLine(map[string]any{"protocol_version": nil}),
		"the wrong case":         strings.Replace(launchLine(nil), "auth_secret", "AUTH_SECRET", 1),
		"a short secret":         launchLine(map[string]any{"auth_secret": secret[1:]}),
		"a secret with line end": launchLine(map[string]any{"auth_secret": secret + "\n"}),
		"a database":             launchLine(map[string]any{"database_url": "postgres://" + secret}),
		"a host data directory":  launchLine(map[string]any{"host_data_dir": "/" + secret}),
	} {
		_, err := judgeLaunchLine([]byte(line))
		if err == nil || strings.Contains(err.Error(), secret[1:]) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestALaunchLineHasItsLimitAndItsEnd(t *testing.T) {
	longest := strings.Repeat(" ", launchLineBytes-1)
	if line, err := readLaunchLine(strings.NewReader(longest+"\nmore"), nil); err != nil || len(line) != len(longest) {
		t.Errorf("%d bytes, %v", len(line), err)
	}
	for _, bytes := range []string{longest + " \n", longest, ""} {
		if _, err := readLaunchLine(strings.NewReader(bytes), nil); err == nil {
			t.Errorf("%d bytes were taken", len(bytes))
		}
	}
}

func TestASignalEndsTheWaitForTheLaunchLine(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close()
	stop := make(chan struct{})
	close(stop)
	if line, err := readLaunchLine(silent, stop); line != nil || err != nil {
		t.Errorf("%q, %v", line, err)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"time"
	"unicode/utf8"
)

const (
	name            = "plain-go"
	launchLineBytes = 64 * 1024
	launchLineLimit = 30 * time.Second
)

// object is a JSON object whose members are looked at one by one. Members of a struct would be
// matched whatever their case, and a missing one could not be told from an empty one.
type object map[string]json.RawMessage

// parseObject reads a JSON object of well-formed UTF-8, or returns nil for anything else.
func parseObject(data []byte) object {
	var members object
	if !utf8.Valid(data) || json.Unmarshal(data, &members) != nil {
		return nil
	}
	return members
}

// isNull tells that a member is missing or null, which mean the same.
func (o object) isNull(member string) bool {
	value, found := o[member]
	return !found || string(value) == "null"
}

// text returns a member that is a text.
func (o object) text(member string) (string, bool) {
	var text *string
	if json.Unmarshal(o[member], &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

// manifest is who this plugin is. requires_db is always written [MF-12].
func manifest() map[string]any {
	return map[string]any{
		"name":             name,
		"version":          "0.1.0",
		"display_name":     "Deployments, in plain Go",
		"description":      "The deployments of late, with the names of their projects",
		"requires_db":      false,
		"host_permissions": []string{"events_read", "projects_read"},
		"events":           []string{"deployment.*"},
	}
}

// firstLine says who this is [HS-12, HS-16].
func firstLine(dialect int) map[string]any {
	if dialect == 2 {
		return map[string]any{"type": "hello", "protocol_version": 2, "manifest": manifest()}
	}
	line := manifest()
	line["type"] = "manifest"
	return line
}

// readyLine says that it can be talked to [HS-13, HS-18].
func readyLine(dialect int) map[string]any {
	line := map[string]any{"type": "ready", "ready": true, "has_ui": false}
	if dialect == 2 {
		line["protocol_version"] = 2
	}
	return line
}

// writeLine writes one handshake message: one line, at once [HS-01, HS-03].
func writeLine(to io.Writer, message map[string]any) error {
	line, err := json.Marshal(message)
	if err == nil {
		_, err = to.Write(append(line, '\n'))
	}
	if err != nil {
		return refusal("the host does not read the handshake: " + err.Error())
	}
	return nil
}

// readLaunchLine returns the launch line without its end [HS-34, HS-35, HS-36]. It returns neither a
// line nor an error when it was told to stop.
func readLaunchLine(from io.Reader, stop <-chan struct{}) ([]byte, error) {
	arrived := make(chan []byte, 1)
	go func() { arrived <- collectLaunchLine(from) }()
	select {
	case collected := <-arrived:
		line, _, ended := bytes.Cut(collected, []byte("\n"))
		if len(line)+1 > launchLineBytes {
			return nil, refusal("the launch line is longer than 64 KiB [HS-35]")
		}
		if !ended {
			return nil, refusal("standard input ended before the launch line did [HS-34]")
		}
		return line, nil
	case <-time.After(launchLineLimit):
		return nil, refusal("no launch line within 30 s of hello [HS-36]")
	case <-stop:
		return nil, nil
	}
}

// collectLaunchLine reads up to the end of the line, or to one byte over the limit [HS-35].
func collectLaunchLine(from io.Reader) []byte {
	collected := make([]byte, 0, 4096)
	piece := make([]byte, 4096)
	for !bytes.Contains(collected, []byte("\n")) && len(collected) <= launchLineBytes {
		n, err := from.Read(piece)
		collected = append(collected, piece[:n]...)
		if err != nil {
			break
		}
	}
	return collected
}

var secretForm = regexp.MustCompile(`\A[A-Za-z0-9_-]{32,256}\z`)

// judgeLaunchLine takes the secret out of a launch line, or refuses the line without quoting it: the
// secret is in there somewhere [HS-26 to HS-33, IO-09].
func judgeLaunchLine(line []byte) (string, error) {
	launch := parseObject(bytes.TrimSuffix(line, []byte("\r"))) // [HS-02]
	if launch == nil {
		return "", refusal("the launch line is not a JSON object [HS-26]")
	}
	var version *float64
	if json.Unmarshal(launch["protocol_version"], &version) != nil || version == nil || *version != 2 {
		return "", refusal("the launch line's protocol_version is not the number 2 [HS-27]")
	}
	secret, found := launch.text("auth_secret")
	if !found || !secretForm.MatchString(secret) {
		return "", refusal("the launch line's auth_secret is not 32 to 256 characters of " +
			"A-Z a-z 0-9 _ - [HS-28, HS-29]")
	}
	if !launch.isNull("database_url") {
		return "", refusal("the launch line has a database_url, which nobody asked for [HS-31]")
	}
	if !launch.isNull("host_data_dir") {
		return "", refusal("the launch line has a host_data_dir, which nobody asked for [HS-33]")
	}
	return secret, nil
}

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const kept = 100

// deployment is what is known of one.
type deployment struct {
	ID        int64   `json:"deployment_id"`
	State     string  `json:"state"`
	ProjectID *int32  `json:"project_id"`
	Project   *string `json:"project"`
	At        string  `json:"at"`
}

// deployments is what this plugin is for: the last ones there were news of, kept in the data
// directory.
type deployments struct {
	file  string
	call  func(method string, params map[string]any) (json.RawMessage, error)
	mutex sync.Mutex
	known []deployment // The latest news stand last.
}

func loadDeployments(dataDir string, call func(string, map[string]any) (json.RawMessage, error)) *deployments {
	d := &deployments{file: filepath.Join(dataDir, "deployments.json"), call: call}
	text, err := os.ReadFile(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		return d
	}
	if err == nil {
		err = json.Unmarshal(text, &d.known)
	}
	if err != nil {
		logLine("warning", "deployments of former runs can't be read", "error", err.Error())
	}
	return d
}

// save writes the file whole or not at all. A full disk costs the memory of a restart, not the plugin.
func (d *deployments) save() {
	d.mutex.Lock()
	text, err := json.Marshal(d.known)
	d.mutex.Unlock()
	partial := d.file + ".new"
	if err == nil {
		err = os.WriteFile(partial, text, 0o600)
	}
	if err == nil {
		err = os.Rename(partial, d.file)
	}
	if err != nil {
		logLine("warning", "deployments can't be written down", "error", err.Error())
	}
}

// onEvent takes note of a deployment.
func (d *deployments) onEvent(e event) {
	var id *int64
	state, isDeployment := strings.CutPrefix(e.eventType, "deployment.")
	if json.Unmarshal(parseObject(e.data)["deployment_id"], &id) != nil || id == nil || !isDeployment {
		logLine("info", "an event that is about no deployment", "event", e.id)
		return
	}
	news := deployment{*id, state, e.projectID, d.projectName(e.projectID), e.timestamp}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	others := make([]deployment, 0, kept+1)
	for _, other := range d.known {
		if other.ID != news.ID {
			others = append(others, other)
		}
	}
	others = append(others, news)
	d.known = others[max(0, len(others)-kept):]
}

// projectName asks what a project is called. The platform may say no at any time [MF-32].
func (d *deployments) projectName(id *int32) *string {
	if id == nil {
		return nil
	}
	result, err := d.call("get_project", map[string]any{"project_id": *id})
	if err != nil {
		logLine("warning", "a project stays without a name", "error", err.Error())
		return nil
	}
	if name, found := parseObject(result).text("name"); found {
		return &name
	}
	return nil
}

// answer has the routes: there is one.
func (d *deployments) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.EscapedPath() != "/deployments" {
		problem(w, http.StatusNotFound, "there is no such route") // [HT-08]
		return
	}
	if !only(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	newestFirst := []deployment{}
	d.mutex.Lock()
	for i := len(d.known) - 1; i >= 0; i-- {
		newestFirst = append(newestFirst, d.known[i])
	}
	d.mutex.Unlock()
	body, err := json.Marshal(map[string]any{"deployments": newestFirst})
	if err != nil {
		panic(err)
	}
	respond(w, http.StatusOK, "application/json", body)
}

package main

import (
	"encoding/json"
	"net/http"
	"testing"
)

// span is a span as Zipkin's API tells it.
type span struct {
	TraceID       string
	ID            string
	ParentID      string
	Name          string
	Kind          string
	LocalEndpoint struct{ ServiceName string }
	Tags          map[string]string
}

// tree is a trace as Spandrel's own API tells it: columns of rows, and of events.
type tree struct {
	Strings []string
	Rows    struct {
		Parent        []int
		Name          []int
		Service       []int
		ClientService []int
		Flags         []int
	}
	Events struct {
		Row    []int
		Label  []int
		Detail []int
	}
}

// texts resolves a column of indices; -1 is no text.
func (tree *tree) texts(indices []int) []string {
	texts := make([]string, len(indices))
	for place, index := range indices {
		if index >= 0 {
			texts[place] = tree.Strings[index]
		}
	}
	return texts
}

// dependencies is who called whom.
type dependencies struct {
	Links []link
}

type link struct {
	Parent, Child         string
	CallCount, ErrorCount int
}

// get reads what a door answers.
func get[T any](t *testing.T, url string) T {
	t.Helper()
	client := http.Client{Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer T
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s", url, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return answer
}

package main

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The events of a hop that looks up the name and connects.
var firstHopEvents = []string{
	"GetConn", "DNSStart", "DNSDone", "ConnectStart", "ConnectDone", "GotConn", "WroteHeaders",
	"WroteRequest", "GotFirstResponseByte", "PutIdleConn", "ClosedBody",
}

// The events of a hop that finds the connection there.
var secondHopEvents = []string{
	"GetConn", "GotConn", "WroteHeaders", "WroteRequest", "GotFirstResponseByte", "PutIdleConn",
	"ClosedBody",
}

func TestGoClientAndRustServerMakeOneTrace(t *testing.T) {
	testBothWaysOfIDs(t, goProgram(t), binary(t, "ARTICLE_BIN"))
}

func TestRustClientAndGoServerMakeOneTrace(t *testing.T) {
	testBothWaysOfIDs(t, binary(t, "ARTICLE_BIN"), goProgram(t))
}

func testBothWaysOfIDs(t *testing.T, client, server string) {
	t.Run("with ids of their own", func(t *testing.T) {
		door := tell(t, client, server)
		spans := onlyTrace(t, door)
		checkHalves(t, spans, func(hop, half span) bool {
			return half.ParentID == hop.ID
		})
		tree := get[tree](t, door+"/api/spandrel/traces/"+spans[0].TraceID)
		equal(t, "parents", tree.Rows.Parent, []int{-1, 0, 1, 2, 1, 4})
		equal(t, "names", tree.texts(tree.Rows.Name),
			[]string{"client", "HTTP Client", "HTTP GET", "HTTP GET", "HTTP GET", "HTTP GET"})
		equal(t, "services", tree.texts(tree.Rows.Service),
			[]string{"client", "client", "client", "server", "client", "server"})
		equal(t, "flags", tree.Rows.Flags, []int{0, 0, 0, 0, 0, 0})
		checkEvents(t, tree, 2, 4)
	})
	t.Run("with shared ids", func(t *testing.T) {
		door := tell(t, client, server, "-shared")
		spans := onlyTrace(t, door)
		checkHalves(t, spans, func(hop, half span) bool {
			return half.ParentID == hop.ParentID && half.ID == hop.ID
		})
		tree := get[tree](t, door+"/api/spandrel/traces/"+spans[0].TraceID)
		equal(t, "parents", tree.Rows.Parent, []int{-1, 0, 1, 1})
		equal(t, "names", tree.texts(tree.Rows.Name),
			[]string{"client", "HTTP Client", "HTTP GET", "HTTP GET"})
		equal(t, "services", tree.texts(tree.Rows.Service),
			[]string{"client", "client", "server", "server"})
		equal(t, "asking services", tree.texts(tree.Rows.ClientService),
			[]string{"", "", "client", "client"})
		equal(t, "flags of rows, 4 where two halves are joined", tree.Rows.Flags, []int{0, 0, 4, 4})
		checkEvents(t, tree, 2, 3)
	})
}

// tell has the client ask the server once, and returns the address of the Spandrel that both
// reported to. Both have ended, so every span has been acknowledged.
func tell(t *testing.T, client, server string, flags ...string) string {
	t.Helper()
	spandrel := start(t, `spandrel is ready.* main=(http://[0-9.:]+)`,
		binary(t, "SPANDREL_BIN"), "serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
	door := spandrel.open()
	arguments := func(further ...string) []string {
		return slices.Concat(flags, []string{"-url", door + "/api/v1/spans"}, further)
	}
	serving := start(t, `Serving on http://localhost:([0-9]+)/`,
		server, arguments("-actor", "server", "-port", "0")...)
	port := serving.open()
	asking := start(t, `Received result: (The time is .*)`,
		client, arguments("-actor", "client", "-port", port)...)
	asking.open()
	said := asking.end() + serving.stop()
	if strings.Contains(strings.ToLower(said), "error") {
		t.Errorf("the actors complain:\n%s", said)
	}
	return door
}

// onlyTrace returns the spans of the one trace there is.
func onlyTrace(t *testing.T, door string) []span {
	t.Helper()
	traces := get[[][]span](t, door+"/api/v2/traces")
	if len(traces) != 1 || len(traces[0]) != 6 {
		t.Fatalf("one trace of six spans is expected, not %+v", traces)
	}
	for _, span := range traces[0] {
		equal(t, "trace id", span.TraceID, traces[0][0].TraceID)
	}
	equal(t, "traces for /api/spandrel", len(get[struct{ Traces []any }](t, door+"/api/spandrel/traces").Traces), 1)
	equal(t, "services", get[[]string](t, door+"/api/v2/services"), []string{"client", "server"})
	links := get[dependencies](t, door+"/api/spandrel/dependencies").Links
	equal(t, "links", links, []link{{Parent: "client", Child: "server", CallCount: 2}})
	return traces[0]
}

// checkHalves checks the chain down to the two hops, and that each hop has the one server half
// that answered it.
func checkHalves(t *testing.T, spans []span, belongTogether func(hop, half span) bool) {
	t.Helper()
	root := only(t, spans, "the root", func(s span) bool { return s.ParentID == "" })
	equal(t, "root", root.Name+" of "+root.LocalEndpoint.ServiceName, "client of client")
	top := only(t, spans, "the request", func(s span) bool { return s.Name == "http client" })
	equal(t, "parent of the request", top.ParentID, root.ID)

	for _, expected := range []struct{ status, path, isReused string }{
		{"301", "/", "false"},
		{"200", "/gettime", "true"},
	} {
		hop := only(t, spans, "the hop to "+expected.path, func(s span) bool {
			return s.Kind == "CLIENT" && pathOf(t, s) == expected.path
		})
		equal(t, "parent of the hop", hop.ParentID, top.ID)
		equal(t, "service of the hop", hop.LocalEndpoint.ServiceName, "client")
		equal(t, "status of the hop", hop.Tags["http.status_code"], expected.status)
		equal(t, "reuse of the connection", hop.Tags["net/http.reused"], expected.isReused)

		half := only(t, spans, "the half of the server", func(s span) bool {
			return s.Kind == "SERVER" && belongTogether(hop, s)
		})
		equal(t, "service of the half", half.LocalEndpoint.ServiceName, "server")
		equal(t, "status of the half", half.Tags["http.status_code"], expected.status)
		equal(t, "path of the half", pathOf(t, half), expected.path)
	}
}

// checkEvents checks that the rows of the two hops have the connection's events, and no other.
func checkEvents(t *testing.T, tree tree, firstHop, secondHop int) {
	t.Helper()
	events := make(map[int][]string)
	labels, details := tree.texts(tree.Events.Label), tree.texts(tree.Events.Detail)
	for place, row := range tree.Events.Row {
		label := labels[place]
		// A dial that is refused is an event called error, whose message is ConnectDone.
		if label == "error" && strings.Contains(details[place], `"ConnectDone"`) {
			label = "ConnectDone"
		}
		// `localhost` may have two addresses, one of which refuses: dialling is counted once.
		isDial := label == "ConnectStart" || label == "ConnectDone"
		if !isDial || !slices.Contains(events[row], label) {
			events[row] = append(events[row], label)
		}
	}
	for row := range events {
		events[row] = inOrderOfCause(events[row])
	}
	equal(t, "events", events, map[int][]string{firstHop: firstHopEvents, secondHop: secondHopEvents})
}

// inOrderOfCause puts WroteRequest before GotFirstResponseByte where they are neighbours: Go
// writes and reads a connection on two goroutines, and either may be the first to tell.
func inOrderOfCause(events []string) []string {
	place := slices.Index(events, "GotFirstResponseByte")
	if place >= 0 && place+1 < len(events) && events[place+1] == "WroteRequest" {
		events[place], events[place+1] = events[place+1], events[place]
	}
	return events
}

func pathOf(t *testing.T, span span) string {
	t.Helper()
	parsed, err := url.Parse(span.Tags["http.url"])
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Path
}

// only returns the one span that is meant.
func only(t *testing.T, spans []span, what string, isMeant func(span) bool) span {
	t.Helper()
	var found []span
	for _, span := range spans {
		if isMeant(span) {
			found = append(found, span)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s: %d spans instead of one, of %+v", what, len(found), spans)
	}
	return found[0]
}

func equal(t *testing.T, what string, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Errorf("%s: found %v, expected %v", what, found, expected)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/opentracing-contrib/go-stdlib/nethttp"
	"github.com/opentracing/opentracing-go"
)

const (
	// headTimeout is how long a request's head may take to arrive.
	headTimeout = 10 * time.Second
	// stopTimeout is how long the requests inside may take to finish after an interrupt.
	stopTimeout = 10 * time.Second
)

// runServer serves on localhost until it is interrupted; port 0 takes a free one, and the line
// that it prints names it.
func runServer(tracer opentracing.Tracer, port uint, out io.Writer) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	// Heard before the line is printed: who reads it may interrupt at once.
	interrupted, ignore := signal.NotifyContext(context.Background(), os.Interrupt)
	defer ignore()

	server := http.Server{Handler: nethttp.Middleware(tracer, paths()), ReadHeaderTimeout: headTimeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(out, "Serving on http://localhost:%d/\n", listener.Addr().(*net.TCPAddr).Port)

	select {
	case err := <-served:
		return err
	case <-interrupted.Done():
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return server.Shutdown(ctx)
	}
}

// paths redirects everything to /gettime, which tells the time.
func paths() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.RedirectHandler("/gettime", http.StatusMovedPermanently))
	mux.HandleFunc("/gettime", func(response http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(response, "The time is %s", time.Now().UTC().Format(time.ANSIC))
	})
	return mux
}

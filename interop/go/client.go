package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/opentracing-contrib/go-stdlib/nethttp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

const (
	// answerTimeout is how long the request may take, with its redirect.
	answerTimeout = 30 * time.Second
	// answerLenMax is how much of an answer is read.
	answerLenMax = 64 << 10
)

// runClient asks the server once, following its redirect, and prints the answer.
func runClient(tracer opentracing.Tracer, port uint, out io.Writer) error {
	span := tracer.StartSpan("client")
	defer span.Finish()
	ext.Component.Set(span, "client")

	answer, err := ask(opentracing.ContextWithSpan(context.Background(), span), tracer, port)
	if err != nil {
		ext.LogError(span, err)
		return err
	}
	_, err = fmt.Fprintf(out, "Received result: %s\n", answer)
	return err
}

func ask(ctx context.Context, tracer opentracing.Tracer, port uint) ([]byte, error) {
	url := fmt.Sprintf("http://localhost:%d/", port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request, traced := nethttp.TraceRequest(tracer, request)
	defer traced.Finish()

	client := http.Client{Transport: &nethttp.Transport{}, Timeout: answerTimeout}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(io.LimitReader(response.Body, answerLenMax))
}

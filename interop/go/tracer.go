package main

import (
	"io"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/transport/zipkin"
)

// newTracer makes a tracer that keeps every span and posts it as soon as it finishes. Closing it
// waits until the last one is sent.
//
// Identities travel in Jaeger's own header, the client's default.
func newTracer(service, url string, sharesSpanIDs bool) (opentracing.Tracer, io.Closer, error) {
	transport, err := zipkin.NewHTTPTransport(url, zipkin.HTTPBatchSize(1))
	if err != nil {
		return nil, nil, err
	}
	reporter := jaeger.NewRemoteReporter(transport, jaeger.ReporterOptions.Logger(jaeger.StdLogger))
	sharing := jaeger.TracerOptions.ZipkinSharedRPCSpan(sharesSpanIDs)
	tracer, closer := jaeger.NewTracer(service, jaeger.NewConstSampler(true), reporter, sharing)
	return tracer, closer, nil
}

// How each kind of client is pointed at this server. Pure text; the address is the page's own.

/** One way to send a first trace. */
export interface Snippet {
  readonly id: string;
  readonly title: string;
  readonly code: string;
}

/** The ways to send a first trace to a server at an origin such as `http://localhost:9411`. */
export function snippets(origin: string): Snippet[] {
  return [
    { id: "curl", title: "curl", code: curl(origin) },
    { id: "go", title: "Go, jaeger-client", code: go(origin) },
    { id: "rust", title: "Rust, spandrel", code: rust(origin) },
    { id: "java", title: "Java, Brave", code: java(origin) },
    { id: "spring", title: "Spring Boot 3", code: spring(origin) },
    { id: "node", title: "Node, zipkin-js", code: node(origin) },
    { id: "other", title: "Zipkin API", code: other(origin) },
  ];
}

function curl(origin: string): string {
  return `curl -i ${origin}/api/v2/spans -H 'Content-Type: application/json' -d '[{
  "traceId": "'$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')'",
  "id": "0000000000000001",
  "kind": "SERVER",
  "name": "get /hello",
  "timestamp": '$(date +%s)000000',
  "duration": 38000,
  "localEndpoint": {"serviceName": "hello"},
  "tags": {"http.status_code": "200"}
}]'`;
}

function go(origin: string): string {
  return `import (
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/transport/zipkin"
)

transport, err := zipkin.NewHTTPTransport("${origin}/api/v1/spans")
if err != nil {
	log.Fatal(err)
}
tracer, closer := jaeger.NewTracer(
	"client",
	jaeger.NewConstSampler(true),
	jaeger.NewRemoteReporter(transport),
	// Client and server share a span, as Zipkin's own tracers do.
	jaeger.TracerOptions.ZipkinSharedRPCSpan(true),
)
defer closer.Close()`;
}

function rust(origin: string): string {
  return `let reporter = ZipkinReporter::builder("${origin}/api/v1/spans").build()?;
let tracer = Tracer::builder("hello").reporter(reporter).build();
tracer.start_span("first").finish();
tracer.close(Duration::from_secs(5))?;`;
}

function java(origin: string): string {
  return `var sender = URLConnectionSender.create("${origin}/api/v2/spans");
var spanHandler = AsyncZipkinSpanHandler.create(sender);
var tracing = Tracing.newBuilder()
    .localServiceName("hello")
    .addSpanHandler(spanHandler)
    .build();`;
}

function spring(origin: string): string {
  return `# with io.micrometer:micrometer-tracing-bridge-brave and io.zipkin.reporter2:zipkin-reporter-brave
management.zipkin.tracing.endpoint=${origin}/api/v2/spans
management.tracing.sampling.probability=1.0`;
}

function node(origin: string): string {
  return `const {Tracer, BatchRecorder, ExplicitContext, jsonEncoder: {JSON_V2}} = require('zipkin');
const {HttpLogger} = require('zipkin-transport-http');

const tracer = new Tracer({
  ctxImpl: new ExplicitContext(),
  localServiceName: 'hello',
  recorder: new BatchRecorder({
    logger: new HttpLogger({endpoint: '${origin}/api/v2/spans', jsonEncoder: JSON_V2})
  })
});`;
}

function other(origin: string): string {
  return `# Zipkin v2, JSON or protobuf
${origin}/api/v2/spans
# Zipkin v1, JSON or thrift
${origin}/api/v1/spans`;
}

//! What Jaeger's clients ask before they send.

use std::fs;

use prost::Message;
use serde_json::json;
use tempfile::tempdir;

use crate::http::{Answer, send};
use crate::otlp::call::{call, frame};
use crate::server::Server;

const GET_STRATEGY: &str = "/jaeger.api_v2.SamplingManager/GetSamplingStrategy";

const STRATEGIES: &str = r#"{
  "service_strategies": [
    {"service": "shop", "type": "probabilistic", "param": 0.8,
     "operation_strategies": [{"operation": "pay", "type": "probabilistic", "param": 0.2}]},
    {"service": "mail", "type": "ratelimiting", "param": 5}
  ],
  "default_strategy": {"type": "probabilistic", "param": 0.5}
}"#;

fn ask(server: &Server, path: &str) -> Answer {
    send(server.door("sampling"), "GET", path, &[], b"").expect("an answer")
}

/// `SamplingStrategyResponse`, read by other code than wrote it.
#[derive(Clone, PartialEq, Message)]
struct Told {
    #[prost(int32, tag = "1")]
    strategy_type: i32,
    #[prost(message, optional, tag = "2")]
    probabilistic: Option<Rate>,
    #[prost(message, optional, tag = "3")]
    rate_limiting: Option<PerSecond>,
}

#[derive(Clone, PartialEq, Message)]
struct Rate {
    #[prost(double, tag = "1")]
    rate: f64,
}

#[derive(Clone, PartialEq, Message)]
struct PerSecond {
    #[prost(int32, tag = "1")]
    traces: i32,
}

fn told(server: &Server, door: &str, service: &str) -> Told {
    let len = u8::try_from(service.len()).expect("short");
    let asked = [&[0x0a, len], service.as_bytes()].concat();
    let outcome = call(server.door(door), GET_STRATEGY, &[], frame(false, &asked));
    assert_eq!(outcome.code, 0, "{}", outcome.message);
    Told::decode(outcome.answer).expect("a strategy")
}

#[test]
fn without_a_file_everything_is_sampled() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let all =
        json!({"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 1.0}});
    for path in ["/sampling?service=shop", "/?service=shop", "/sampling?service="] {
        let answer = ask(&server, path);
        assert_eq!((answer.status, answer.json()), (200, all.clone()), "{path}");
    }
    let long = format!("/sampling?service={}", "a".repeat(10 << 10));
    assert_eq!(ask(&server, &long).json(), all);
    for path in ["/sampling", "/", "/sampling?service=a&service=b", "/?servic=a"] {
        let answer = ask(&server, path);
        assert_eq!(
            (answer.status, answer.text()),
            (400, "'service' parameter must be provided once")
        );
    }
    // A client without an agent asks the collector.
    let of_collector = server.door("jaeger-thrift-http");
    let answer = send(of_collector, "GET", "/api/sampling?service=shop", &[], b"").unwrap();
    assert_eq!(answer.json(), all);
}

#[test]
fn a_file_says_what_each_service_samples_over_http_and_grpc() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("strategies.json");
    fs::write(&file, STRATEGIES).unwrap();
    let flags = ["--sampling-strategies", file.to_str().unwrap()];
    let server = Server::start(&folder.path().join("data"), &flags);
    assert_eq!(
        ask(&server, "/sampling?service=shop").json(),
        json!({
            "strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 0.8},
            "operationSampling": {
                "defaultSamplingProbability": 0.8,
                "defaultLowerBoundTracesPerSecond": 0.0, "defaultUpperBoundTracesPerSecond": 0.0,
                "perOperationStrategies": [
                    {"operation": "pay", "probabilisticSampling": {"samplingRate": 0.2}}],
            },
        })
    );
    assert_eq!(
        ask(&server, "/sampling?service=mail").json(),
        json!({"strategyType": "RATE_LIMITING", "rateLimitingSampling": {"maxTracesPerSecond": 5}})
    );
    for door in ["jaeger-grpc", "sampling", "main"] {
        let mail = told(&server, door, "mail");
        assert_eq!((mail.strategy_type, mail.rate_limiting), (1, Some(PerSecond { traces: 5 })));
        assert_eq!(told(&server, door, "other").probabilistic, Some(Rate { rate: 0.5 }));
    }
}

#[test]
fn a_changed_file_is_taken_a_bad_one_is_told_and_what_held_holds() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("strategies.json");
    fs::write(&file, STRATEGIES).unwrap();
    let flags = ["--sampling-strategies", file.to_str().unwrap()];
    let server = Server::start(&folder.path().join("data"), &flags);
    let rate = |server: &Server| {
        ask(server, "/sampling?service=new").json()["probabilisticSampling"]["samplingRate"]
            .as_f64()
    };
    assert_eq!(rate(&server), Some(0.5));
    fs::write(&file, STRATEGIES.replace("0.5", "0.25")).unwrap();
    server.wait_until(|server| rate(server) == Some(0.25));

    fs::write(&file, STRATEGIES.replace("0.5", "7")).unwrap();
    server.wait_until(|server| {
        !server.get("/api/spandrel/status").json()["sampling"]["trouble"].is_null()
    });
    let sampling = server.get("/api/spandrel/status").json()["sampling"].clone();
    let trouble = sampling["trouble"].as_str().unwrap();
    assert!(trouble.contains("line 7") && trouble.contains("from 0 to 1"), "{trouble}");
    assert_eq!((rate(&server), &sampling["services"]), (Some(0.25), &json!(2)));
    assert!(server.get("/metrics").text().contains("spandrel_refused_sampling_files_total 1"));
}

#[test]
fn a_file_that_is_wrong_at_the_start_is_an_error() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("strategies.json");
    fs::write(&file, "{\n \"default_strategy\": 5}").unwrap();
    let flags = ["--sampling-strategies", file.to_str().unwrap()];
    let log = Server::try_start(&folder.path().join("data"), &flags).err().expect("it is refused");
    assert!(log.contains("strategies.json") && log.contains("line 2"), "{log}");
}

#[test]
fn old_clients_get_their_credits_and_keep_their_baggage() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let credits = ask(&server, "/credits?service=shop&uuid=1&operations=pay&operations=look");
    assert_eq!(
        credits.json(),
        json!({"balances": [
            {"operation": "pay", "balance": 100}, {"operation": "look", "balance": 100}]})
    );
    assert_eq!(ask(&server, "/credits?service=shop&uuid=1").json(), json!({"balances": []}));
    assert_eq!(ask(&server, "/baggageRestrictions?service=shop").status, 501);
}

//! What Jaeger's clients ask over HTTP: how much to sample, and, the old ones, which baggage is
//! restricted and how many debug traces they may start.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Parameters;
use crate::app::App;
use crate::receivers::sampling_grpc_routes;
use crate::refusal::{Refusal, TextRefusal};

use super::file::{Choice, Operations, Strategy};

/// How many debug traces of an operation a client may start until it asks again, which it does
/// every few seconds.
const DEBUG_CREDITS: u32 = 100;
/// How many operations are answered at once.
const OPERATIONS_MAX: usize = 1_000;

/// The routes of the door for sampling.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(tell))
        .route("/sampling", get(tell))
        .route("/baggageRestrictions", get(baggage_restrictions))
        .route("/credits", get(credits))
        .merge(sampling_grpc_routes())
}

/// Answers how much a service is to sample.
pub(crate) async fn tell(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, TextRefusal> {
    let parameters = Parameters::parse(query.as_deref())?;
    let service = service_of(&parameters)?;
    Ok(Json(json_of(app.sampling.strategies().of(service))))
}

fn service_of(parameters: &Parameters) -> Result<&str, Refusal> {
    let mut services = parameters.all("service");
    match (services.next(), services.next()) {
        (Some(service), None) => Ok(service),
        _ => Err(Refusal::bad_request("'service' parameter must be provided once")),
    }
}

fn json_of(strategy: &Strategy) -> Value {
    let mut json = match strategy.choice {
        Choice::Probability(rate) => json!({
            "strategyType": "PROBABILISTIC",
            "probabilisticSampling": { "samplingRate": rate },
        }),
        Choice::TracesPerSecond(rate) => json!({
            "strategyType": "RATE_LIMITING",
            "rateLimitingSampling": { "maxTracesPerSecond": rate },
        }),
    };
    if let Some(operations) = &strategy.operations {
        json["operationSampling"] = json_of_operations(operations);
    }
    json
}

fn json_of_operations(operations: &Operations) -> Value {
    let strategies = operations.probabilities.iter().map(|(operation, rate)| {
        json!({ "operation": operation, "probabilisticSampling": { "samplingRate": rate } })
    });
    json!({
        "defaultSamplingProbability": operations.default_probability,
        "defaultLowerBoundTracesPerSecond": 0.0,
        "defaultUpperBoundTracesPerSecond": 0.0,
        "perOperationStrategies": strategies.collect::<Vec<_>>(),
    })
}

/// Nothing restricts baggage here, and there is no way to say so but this: a client that gets a
/// list lets no other key through, so an empty one would end all baggage. One that gets an error
/// goes on as if it had not asked.
async fn baggage_restrictions() -> TextRefusal {
    let message = "no baggage is restricted here";
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", message).into()
}

/// Every operation that is asked about gets credits. Old clients name them `operation`.
async fn credits(RawQuery(query): RawQuery) -> Result<Json<Value>, TextRefusal> {
    let parameters = Parameters::parse(query.as_deref())?;
    service_of(&parameters)?;
    let operations = parameters.all("operations").chain(parameters.all("operation"));
    let balances = operations
        .take(OPERATIONS_MAX)
        .map(|operation| json!({ "operation": operation, "balance": DEBUG_CREDITS }));
    Ok(Json(json!({ "balances": balances.collect::<Vec<_>>() })))
}

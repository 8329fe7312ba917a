//! `jaeger.api_v2.SamplingManager/GetSamplingStrategy`: how much a service is to sample.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use prost::Message;

use crate::app::App;
use crate::sampling::{Choice, Strategy};

use super::call::{answer, check_call};
use super::frame::read_question;

#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(string, tag = "1")]
    service_name: String,
}

/// `SamplingStrategyResponse`.
#[derive(Clone, PartialEq, Message)]
struct Told {
    #[prost(int32, tag = "1")]
    strategy_type: i32,
    #[prost(message, optional, tag = "2")]
    probabilistic: Option<Probabilistic>,
    #[prost(message, optional, tag = "3")]
    rate_limiting: Option<RateLimiting>,
    #[prost(message, optional, tag = "4")]
    per_operation: Option<PerOperation>,
}

#[derive(Clone, PartialEq, Message)]
struct Probabilistic {
    #[prost(double, tag = "1")]
    sampling_rate: f64,
}

#[derive(Clone, PartialEq, Message)]
struct RateLimiting {
    #[prost(int32, tag = "1")]
    max_traces_per_second: i32,
}

/// `PerOperationSamplingStrategies`; the bounds, which nothing here sets, are left out as zeros.
#[derive(Clone, PartialEq, Message)]
struct PerOperation {
    #[prost(double, tag = "1")]
    default_sampling_probability: f64,
    #[prost(message, repeated, tag = "3")]
    strategies: Vec<OfOperation>,
}

#[derive(Clone, PartialEq, Message)]
struct OfOperation {
    #[prost(string, tag = "1")]
    operation: String,
    #[prost(message, optional, tag = "2")]
    probabilistic: Option<Probabilistic>,
}

impl Told {
    fn of(strategy: &Strategy) -> Self {
        let probabilistic = |sampling_rate| Some(Probabilistic { sampling_rate });
        let mut told = match strategy.choice {
            Choice::Probability(rate) => {
                Self { strategy_type: 0, probabilistic: probabilistic(rate), ..Self::default() }
            }
            Choice::TracesPerSecond(max_traces_per_second) => {
                let rate_limiting = Some(RateLimiting { max_traces_per_second });
                Self { strategy_type: 1, rate_limiting, ..Self::default() }
            }
        };
        told.per_operation = strategy.operations.as_ref().map(|operations| PerOperation {
            default_sampling_probability: operations.default_probability,
            strategies: operations
                .probabilities
                .iter()
                .map(|(operation, rate)| OfOperation {
                    operation: operation.clone(),
                    probabilistic: probabilistic(*rate),
                })
                .collect(),
        });
        told
    }
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/jaeger.api_v2.SamplingManager/GetSamplingStrategy", post(tell))
}

async fn tell(State(app): State<Arc<App>>, request: Request) -> Response {
    if let Err(refusal) = check_call(&request) {
        return refusal.into_text();
    }
    let asked = read_question::<Asked>(&app, request).await;
    answer(asked.map(|asked| {
        let strategies = app.sampling.strategies();
        Told::of(strategies.of(&asked.service_name)).encode_to_vec()
    }))
}

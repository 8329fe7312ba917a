//! Tests of the real binary: started, spoken to over HTTP, stopped or killed.

mod actors;
mod api_page;
mod article;
mod bad_input;
mod bench;
mod cli;
mod demo;
mod durability;
mod http;
mod jaeger;
mod lifecycle;
mod loadgen;
mod otlp;
mod queries;
mod server;
mod store;
mod transfer;
mod ui;

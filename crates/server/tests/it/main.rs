//! Tests of the real binary: started, spoken to over HTTP, stopped or killed.

mod api_page;
mod article;
mod bad_input;
mod cli;
mod durability;
mod http;
mod lifecycle;
mod queries;
mod server;

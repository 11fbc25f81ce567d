//! One binary for all integration tests: one link, one start.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::similar_names, reason = "a test that fails may panic")]
#![recursion_limit = "256"]

mod accounts;
mod answers;
mod api_keys;
mod attachments;
mod backup;
mod binary;
mod chat;
mod cluster;
mod config;
mod contracts;
mod conversations;
mod crash;
mod discovery;
mod docs;
mod fake_gemini;
mod fake_openai;
mod fanout;
mod image_store;
mod images;
mod languages;
mod ledger;
mod ledger_model;
mod limits;
mod llama_server;
mod local;
mod metrics;
mod mongod;
mod official_clients;
mod outages;
mod pages;
mod program;
mod providers;
mod proxy;
mod redis_failures;
mod reference;
mod security;
mod servers;
mod stores;
mod support;
mod tools;
mod usage;
mod v1;

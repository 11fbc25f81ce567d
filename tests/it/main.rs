//! One binary for all integration tests: one link, one start.
#![recursion_limit = "256"]

mod accounts;
mod binary;
mod chat;
mod config;
mod crash;
mod fake_openai;
mod ledger;
mod local;
mod pages;
mod security;
mod support;

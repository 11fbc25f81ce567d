//! The roof: builds each feature once and puts them together. No rules.

pub mod background;
pub mod backup;
pub mod backup_schedule;
mod builders;
pub mod check;
pub mod codes;
pub mod config;
mod cors;
pub mod discovery;
mod dotenv;
pub mod features;
pub mod health;
pub mod init;
pub mod metrics;
mod misspelt;
mod parts;
pub mod people;
pub mod prices;
mod refused_forms;
pub mod router;
pub mod security;
pub mod serve;
pub mod state;
pub mod stores;
pub mod uploads;

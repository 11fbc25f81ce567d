//! Bookkeeping: whether all books agree, and a close of every day that never changes afterwards.

pub mod server;

//! What every paid piece of work shares: the hold around it, the providers that are asked, its events, its recovery.

pub mod recovery;

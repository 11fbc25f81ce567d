//! The admin panel: who is here, and what was done. Only for admins, which every rule here asks for itself.

pub mod server;

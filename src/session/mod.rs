//! A run: connected, asked, carried out stage after stage; and how it can end badly.

pub mod apply;
pub mod binary;
pub mod converge;
pub mod error;
pub mod joined;
mod program;
pub mod read;

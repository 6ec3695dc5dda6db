//! The HTTP door: the API for programs, the admin listener, and the playground of the development
//! environment.

pub mod admin;
pub mod health;
pub mod playground;
pub mod rest;

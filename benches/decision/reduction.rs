//! The reduction of rows to ladders alone: one core, no database.

pub fn run() {}

//! Compass.

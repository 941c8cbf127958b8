//! Integration tests of the dialects.

mod translation;

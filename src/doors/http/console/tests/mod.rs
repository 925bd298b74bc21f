//! The pages as a browser gets them, on a gateway whose every job is known.

mod changing;
mod events;
mod pages;
mod searching;
mod visit;

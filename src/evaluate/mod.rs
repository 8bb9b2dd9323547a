//! The whole pipeline, and the only module that knows all of it: plan, run, events.

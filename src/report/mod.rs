//! The report page, made from a result folder alone.

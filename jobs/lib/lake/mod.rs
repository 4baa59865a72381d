//! The lake: what is written to object storage, and how it becomes visible.

pub mod parquet_sink;
